/** Facts as indented lines for people; the same object is the JSON for scripts. */

/** A line for each fact; lists and objects stand below their name. */
export function factLines(facts: object, indent = ""): string[] {
  return Object.entries(facts).flatMap(([name, value]) => {
    if (Array.isArray(value)) {
      return [
        `${indent}${name}`,
        ...value.map((line) => `${indent}  ${line}`),
      ];
    }
    if (value !== null && typeof value === "object") {
      return [`${indent}${name}`, ...factLines(value, `${indent}  `)];
    }
    return [`${indent}${name.padEnd(18 - indent.length)} ${value}`];
  });
}
