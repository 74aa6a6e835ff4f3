/** From WGSL to JavaScript that does the same for one invocation, and tells the machine what it touches. */
import type { Constants } from "../../../kernels/unroll.ts";
import { type Code, Helpers } from "./helpers.ts";
import type { Program } from "./machine.ts";
import type { MemoryVariable } from "./memory.ts";
import type { Block, Declaration, Expr, Fn, Place, Statement } from "./parse.ts";
import { MEETINGS, suspending } from "./suspends.ts";
import {
  arithmetic,
  ATOMIC,
  COMPARISONS,
  conversion,
  fill,
  OPERATORS,
  PARTWISE,
  PLAIN,
  wrapped,
} from "./templates.ts";
import {
  BOOL,
  concrete,
  elementOf,
  F32,
  FLOAT,
  I32,
  INT,
  key,
  layout,
  NOTHING,
  offsets,
  type Scalar,
  scalar,
  type ScalarName,
  smallest,
  stride,
  type Type,
  U32,
  withElement,
} from "./types.ts";
import * as values from "./values.ts";

/** Short names of vector types: vec4f and so on. */
const VECTOR = /^vec([234])([fui])$/;
const ELEMENTS: Record<string, Scalar> = { f: F32, u: U32, i: I32 };

const VALUES = `const { ${Object.keys(values).join(", ")} } = values;\n`;

/** A kernel's program: declarations of all its files, and the constants in front of them. */
export function translate(declarations: readonly Declaration[], constants: Constants): Program {
  return new Translator(declarations, constants).program();
}

class Translator {
  readonly #places: Place[] = [];
  readonly #placeNumbers = new Map<string, number>();
  readonly #types = new Map<string, Type>();
  readonly #functions = new Map<string, Fn>();
  readonly #returns = new Map<string, Type>();
  #suspends: ReadonlySet<string> = new Set();
  readonly #helpers = new Helpers();
  readonly #variables: MemoryVariable[] = [];
  #scopes: Map<string, Code>[] = [new Map()];
  #names = 0;
  #fn!: Fn;

  constructor(readonly declarations: readonly Declaration[], constants: Constants) {
    for (const [name, value] of Object.entries(constants)) {
      const type = typeof value === "boolean" ? BOOL : U32;
      this.#scopes[0].set(name, { type, js: String(value) });
    }
  }

  program(): Program {
    for (const declaration of this.declarations) {
      if (declaration.kind === "fn") this.#functions.set(declaration.name, declaration);
    }
    // Types and constants may stand behind what uses them.
    let left = this.declarations.filter((declaration) => declaration.kind !== "fn");
    while (left.length > 0) {
      const failures: unknown[] = [];
      const rest = left.filter((declaration) => {
        try {
          this.#declare(declaration);
        } catch (error) {
          failures.push(error);
          return true;
        }
      });
      if (rest.length === left.length) throw failures[0];
      left = rest;
    }
    const functions = [...this.#functions.values()];
    for (const fn of functions) {
      this.#returns.set(fn.name, fn.returns ? this.#type(fn.returns) : NOTHING);
    }
    this.#suspends = suspending(functions);
    const bodies = functions.map((fn) => this.#function(fn));
    const main = functions.find(({ workgroupSize }) => workgroupSize);
    if (!main) throw new SyntaxError("Cannot translate: there is no entry point");
    const size = [0, 1, 2].map((i) => {
      const given = main.workgroupSize![i];
      return given ? this.#evaluate(this.#expression(given)) : 1;
    });
    const memories = this.#variables.map(({ name }) => `m_${name}`);
    const source = `"use strict";
${VALUES}${memories.map((name) => `let ${name};`).join("\n")}
${this.#helpers.source}
${bodies.join("\n")}
return { bind(given) { [${memories.join(", ")}] = given; }, main: f_${main.name} };`;
    const made = new Function("values", source)(values);
    return {
      ...made,
      size: size as [number, number, number],
      places: this.#places,
      variables: this.#variables,
    };
  }

  #declare(declaration: Exclude<Declaration, Fn>): void {
    if (declaration.kind === "alias") {
      this.#types.set(declaration.name, this.#type(declaration.type));
    } else if (declaration.kind === "struct") {
      const { name } = declaration;
      const fields = declaration.fields.map((field) => ({
        name: field.name,
        type: this.#type(field.type),
      }));
      this.#types.set(name, { kind: "struct", name, fields });
    } else if (declaration.kind === "const") {
      const code = this.#expression(declaration.value!);
      const type = declaration.type ? this.#type(declaration.type) : code.type;
      if (code.value === undefined) {
        code.js = JSON.stringify(this.#evaluate(this.#convert(code, type, declaration.at)));
      }
      this.#scopes[0].set(declaration.name, { ...code, fresh: false });
    } else {
      const type = this.#type(declaration.type!);
      const { name, access, binding } = declaration;
      const space = declaration.space as MemoryVariable["space"];
      const written = space === "workgroup" || access === "read_write";
      const { size } = layout(type);
      this.#variables.push({ name, space, written, binding, size, unit: smallest(type) });
      this.#scopes[0].set(name, {
        type,
        js: "",
        memory: { variable: `m_${name}`, offset: "0", at: 0 },
      });
    }
  }

  #type(expr: Expr): Type {
    if (expr.kind !== "name") return this.#refuse(expr.at, "a type");
    const { name, template = [] } = expr;
    const known = this.#types.get(name);
    if (known) return known;
    const vector = VECTOR.exec(name);
    if (vector) return { kind: "vec", of: ELEMENTS[vector[2]], size: Number(vector[1]) };
    if (/^vec[234]$/.test(name)) {
      return { kind: "vec", of: this.#type(template[0]) as Scalar, size: Number(name[3]) };
    }
    if (name === "array") {
      const length = template[1] && this.#evaluate(this.#expression(template[1]));
      return { kind: "array", of: this.#type(template[0]), length };
    }
    if (name === "atomic") return { kind: "atomic", of: this.#type(template[0]) as Scalar };
    if (name === "ptr") return { kind: "pointer", of: this.#type(template[1]) };
    if (["f32", "u32", "i32", "bool", "u64"].includes(name)) return scalar(name as ScalarName);
    return this.#refuse(expr.at, `a type, not "${name}"`);
  }

  /** The value of code that no variable decides. */
  #evaluate({ js, value }: Code): number {
    if (value !== undefined) return value;
    const helpers = this.#helpers.source;
    return new Function("values", `${VALUES}${helpers}\nreturn ${js};`)(values);
  }

  #refuse(at: Place, wanted: string): never {
    throw new SyntaxError(`${at.file}:${at.line}: the sanitizer expected ${wanted}`);
  }

  #at({ file, line }: Place): number {
    const key = `${file}:${line}`;
    let number = this.#placeNumbers.get(key);
    if (number === undefined) {
      number = this.#places.push({ file, line }) - 1;
      this.#placeNumbers.set(key, number);
    }
    return number;
  }

  // Functions and statements.

  #function(fn: Fn): string {
    this.#fn = fn;
    const suspends = this.#suspends.has(fn.name);
    this.#scopes.push(new Map());
    const parameters = fn.parameters.map(({ name, type }) => this.#bind(name, this.#type(type)));
    let head = "";
    if (fn.workgroupSize) {
      head = fn.parameters.map(({ builtin }, i) => `const ${parameters[i]} = ids.${builtin};`).join(
        "",
      );
    }
    const list = fn.workgroupSize ? ["ids"] : [...(suspends ? ["path"] : []), ...parameters];
    const path = fn.workgroupSize ? "const path = 0;" : "";
    const body = this.#block(fn.body);
    this.#scopes.pop();
    return `function${suspends ? "*" : ""} f_${fn.name}(${
      list.join(", ")
    }) {${path}${head}\n${body}}`;
  }

  /** Gives a name of its own to what a scope declares; JavaScript would read its own, not the outer one's, value. */
  #bind(name: string, type: Type): string {
    const js = `${name}_${this.#names++}`;
    this.#scopes.at(-1)!.set(name, { type, js });
    return js;
  }

  #block(body: Block): string {
    this.#scopes.push(new Map());
    const text = body.map((statement) => this.#statement(statement)).join("\n");
    this.#scopes.pop();
    return text;
  }

  #statement(statement: Statement): string {
    const { at } = statement;
    switch (statement.kind) {
      case "const":
      case "let":
      case "var": {
        const given = statement.value && this.#expression(statement.value);
        const type = statement.type ? this.#type(statement.type) : concrete(given!.type);
        const value = given
          ? this.#owned(this.#convert(given, type, at))
          : this.#helpers.zero(type);
        return `let ${this.#bind(statement.name, type)} = ${value};`;
      }
      case "assign":
        return this.#assign(statement);
      case "call":
        return `${this.#expression(statement.call).js};`;
      case "if": {
        const test = this.#value(this.#expression(statement.test));
        const other = statement.other ? ` else {\n${this.#block(statement.other)}\n}` : "";
        return `if (${test}) {\n${this.#block(statement.then)}\n}${other}`;
      }
      case "for": {
        this.#scopes.push(new Map());
        const first = statement.first ? this.#statement(statement.first) : "";
        const test = statement.test ? this.#value(this.#expression(statement.test)) : "true";
        const next = statement.next ? this.#statement(statement.next).replace(/;$/, "") : "";
        const body = this.#block(statement.body);
        this.#scopes.pop();
        return `{ ${first}\nfor (; ${test}; ${next}) {\n${body}\n} }`;
      }
      case "return": {
        if (!statement.value) return "return;";
        const value = this.#convert(
          this.#expression(statement.value),
          this.#returns.get(this.#fn.name)!,
          at,
        );
        return `return ${this.#owned(value)};`;
      }
      case "block":
        return `{\n${this.#block(statement.body)}\n}`;
      default:
        return `${statement.kind};`;
    }
  }

  #assign({ op, to, value: given, at }: Statement & { kind: "assign" }): string {
    const target = this.#expression(to);
    const right = this.#expression(given);
    let once = "";
    if (target.memory && op) {
      // An index may have an effect: it may be out of bounds.
      once = `const o = ${target.memory.offset}; `;
      target.memory = { ...target.memory, offset: "o" };
    }
    const value = op ? this.#binary(op, target, right, at) : right;
    const js = this.#owned(this.#convert(value, target.type, at));
    if (target.memory) {
      const store = this.#helpers.store({ ...target.memory, at: this.#at(at) }, target.type, js);
      return once ? `{ ${once}${store}; }` : `${store};`;
    }
    if (to.kind === "unary" && to.op === "*") return `assign(${target.js}, ${js});`;
    return `${target.js} = ${js};`;
  }

  // Expressions.

  #expression(expr: Expr): Code {
    const { at } = expr;
    switch (expr.kind) {
      case "number": {
        const type = scalar(expr.type);
        if (expr.type === "int" || expr.type === "float") {
          return { type, js: "", value: expr.value };
        }
        const value = expr.type === "f32" ? Math.fround(expr.value) : expr.value;
        return { type, js: String(value) };
      }
      case "name": {
        if (expr.name === "true" || expr.name === "false") return { type: BOOL, js: expr.name };
        const found = this.#scopes.findLast((scope) => scope.has(expr.name))?.get(expr.name);
        if (!found) return this.#refuse(at, `a known name, not "${expr.name}"`);
        return found.memory ? { ...found, memory: { ...found.memory, at: this.#at(at) } } : found;
      }
      case "call":
        return this.#call(expr);
      case "index": {
        const of = this.#expression(expr.of);
        const index = this.#value(this.#convert(this.#expression(expr.index), undefined, at));
        const { type } = of;
        if (type.kind !== "array" && type.kind !== "vec") return this.#refuse(at, "an array");
        const length = type.kind === "vec" ? type.size : type.length;
        const count = length ?? `${of.memory!.variable}.length(${stride(type)})`;
        const literal = /^\d+$/.test(index) && length !== undefined && Number(index) < length;
        const js = literal ? index : `within(${index}, ${count}, ${this.#at(at)})`;
        if (!of.memory) return { type: type.of, js: `${this.#value(of)}[${js}]` };
        return this.#part(of, type.of, `${js} * ${stride(type)}`, at);
      }
      case "member":
        return this.#member(expr);
      case "unary":
        return this.#unary(expr);
      case "binary":
        return this.#binary(expr.op, this.#expression(expr.a), this.#expression(expr.b), at);
    }
  }

  /** A part of something in memory. */
  #part({ type, memory }: Code, part: Type, from: string, place: Place): Code {
    const { variable, offset: start } = memory!;
    const offset = start === "0" ? from : `${start} + ${from}`;
    const vector = type.kind === "vec" ? { offset: start, type } : undefined;
    return { type: part, js: "", memory: { variable, offset, at: this.#at(place), vector } };
  }

  #member(expr: Expr & { kind: "member" }): Code {
    const of = this.#expression(expr.of);
    const { type } = of;
    if (type.kind === "struct") {
      const index = type.fields.findIndex(({ name }) => name === expr.name);
      if (index < 0) return this.#refuse(expr.at, `a field of ${type.name}, not "${expr.name}"`);
      const field = type.fields[index].type;
      if (of.memory) return this.#part(of, field, String(offsets(type)[index]), expr.at);
      return { type: field, js: `${of.js}[${index}]` };
    }
    if (type.kind !== "vec") return this.#refuse(expr.at, "a struct or vector");
    const parts = [...expr.name].map((letter) => "xyzw".indexOf(letter));
    if (parts.length === 1) {
      if (of.memory) return this.#part(of, type.of, String(parts[0] * 4), expr.at);
      return { type: type.of, js: `${of.js}[${parts[0]}]` };
    }
    const list = parts.map((part) => `v[${part}]`).join(", ");
    const name = this.#helpers.add(`swizzle_${parts.join("")}`, `(v) => [${list}]`);
    const swizzled: Type = { kind: "vec", of: type.of, size: parts.length };
    return { type: swizzled, js: `${name}(${this.#value(of)})`, fresh: true };
  }

  #unary(expr: Expr & { kind: "unary" }): Code {
    const of = this.#expression(expr.of);
    if (expr.op === "&") {
      if (of.memory) return of;
      return { type: { kind: "pointer", of: of.type }, js: of.js };
    }
    if (expr.op === "*") {
      if (of.type.kind !== "pointer") return this.#refuse(expr.at, "a pointer");
      return { type: of.type.of, js: of.js };
    }
    if (of.value !== undefined) return { type: of.type, js: "", value: -of.value };
    const { name } = elementOf(of.type);
    const template = expr.op === "!" ? "(!$0)" : wrapped(name, `${expr.op}$0`);
    return this.#partwise(`${expr.op === "~" ? "not" : "minus"}_${name}`, template, [of], expr.at);
  }

  #binary(op: string, a: Code, b: Code, at: Place): Code {
    if (a.value !== undefined && b.value !== undefined) {
      const value = new Function("a", "b", `return a ${op} b`)(a.value, b.value);
      const type = [a, b].some(({ type }) => elementOf(type).name === "float") ? FLOAT : INT;
      return { type, js: "", value: type === INT ? Math.trunc(value) : value };
    }
    if (op === "&&" || op === "||") {
      return { type: BOOL, js: `(${this.#value(a)} ${op} ${this.#value(b)})` };
    }
    const shifts = op === "<<" || op === ">>";
    const type = elementOf(a.value === undefined ? a.type : b.type);
    const left = this.#convert(a, type, at, true);
    const right = this.#convert(b, shifts ? U32 : type, at, true);
    const template = arithmetic(op, type.name);
    const code = this.#partwise(`${OPERATORS[op]}_${type.name}`, template, [left, right], at);
    return COMPARISONS.has(op) ? { ...code, type: withElement(code.type, BOOL) } : code;
  }

  /** A function of scalars over all parts of its arguments. */
  #partwise(name: string, template: string, args: Code[], at: Place): Code {
    const sizes = args.map(({ type }) => type.kind === "vec" ? type.size : 0);
    const size = Math.max(...sizes);
    const js = args.map((arg) => this.#value(arg));
    const of = elementOf(args[0].type);
    const type: Type = size > 0 ? { kind: "vec", of, size } : of;
    const used = template.match(/\$\d/g)!.join();
    const inOrder = used === args.map((_, i) => `$${i}`).join();
    if (size === 0 && inOrder) return { type, js: fill(template, js, String(this.#at(at))) };
    const names = args.map((_, i) => `a${i}`);
    const part = (i: number) =>
      fill(template, names.map((n, j) => sizes[j] ? `${n}[${i}]` : n), "at");
    const body = size > 0 ? `[${Array.from({ length: size }, (_, i) => part(i))}]` : part(0);
    const helper = this.#helpers.add(
      `${name}_${sizes.join("")}`,
      `(${[...names, "at"]}) => ${body}`,
    );
    return { type, js: `${helper}(${[...js, this.#at(at)]})`, fresh: size > 0 };
  }

  #call(expr: Expr & { kind: "call" }): Code {
    const { to: { name, template }, at } = expr;
    const fn = this.#functions.get(name);
    if (fn) return this.#callFunction(fn, expr);
    if (name === "bitcast") {
      return this.#bitcast(this.#type(template![0]), this.#expression(expr.args[0]), at);
    }
    const args = expr.args.map((arg) => this.#expression(arg));
    if (MEETINGS.test(name)) return this.#meeting(name, args, at);
    if (name in PARTWISE) {
      const alike = name === "select" ? args.slice(0, 2) : args;
      const typed = alike.find(({ value }) => value === undefined) ?? args[0];
      const element = concrete(elementOf(typed.type)) as Scalar;
      const all = args.map((arg, i) =>
        name === "select" && i === 2 ? arg : this.#convert(arg, element, at, true)
      );
      return this.#partwise(`${name}_${element.name}`, PARTWISE[name], all, at);
    }
    if (name === "dot") {
      const product = this.#binary("*", args[0], args[1], at);
      const { name: of } = elementOf(product.type);
      const sum = fill(arithmetic("+", of), ["a", "b"], "");
      const helper = this.#helpers.add(`sum_${of}`, `(v) => v.reduce((a, b) => ${sum})`);
      return { type: elementOf(product.type), js: `${helper}(${product.js})` };
    }
    if (name in PLAIN) {
      const js = args.map((arg) => this.#value(this.#convert(arg, undefined, at)));
      return { type: PLAIN[name], js: `${name}(${[...js, this.#at(at)]})`, fresh: true };
    }
    if (name === "arrayLength") {
      const { memory, type } = args[0];
      return {
        type: U32,
        js: `${memory!.variable}.length(${stride(type as Type & { kind: "array" })})`,
      };
    }
    if (name.startsWith("atomic")) return this.#atomic(name, args, at);
    return this.#construct(this.#type(expr.to), args, at);
  }

  #callFunction(fn: Fn, { args, at }: Expr & { kind: "call" }): Code {
    const given = args.map((arg, i) => {
      const type = this.#type(fn.parameters[i].type);
      const code = this.#expression(arg);
      return type.kind === "pointer" ? code.js : this.#value(this.#convert(code, type, at));
    });
    const type = this.#returns.get(fn.name)!;
    if (!this.#suspends.has(fn.name)) {
      return { type, js: `f_${fn.name}(${given.join(", ")})`, fresh: true };
    }
    const path = `path * 31 + ${this.#at(at)} | 0`;
    return { type, js: `(yield* f_${fn.name}(${[path, ...given].join(", ")}))`, fresh: true };
  }

  #meeting(name: string, args: Code[], at: Place): Code {
    const request = (op: string, more = "") =>
      `yield { op: "${op}", at: ${this.#at(at)}, path${more} }`;
    if (name === "workgroupUniformLoad") {
      const barrier = `(${request("workgroupBarrier")})`;
      return {
        ...args[0],
        memory: undefined,
        js: `(${barrier}, [${this.#value(args[0])}, ${barrier}][0])`,
      };
    }
    if (args.length === 0) return { type: NOTHING, js: request(name) };
    const [value, by] = args.map((arg) => this.#value(this.#convert(arg, undefined, at)));
    return {
      type: concrete(args[0].type),
      js: `(${request(name, `, value: ${value}${by ? `, by: ${by}` : ""}`)})`,
    };
  }

  #atomic(name: string, [target, given]: Code[], at: Place): Code {
    const { variable, offset } = target.memory!;
    const { of } = target.type as Type & { kind: "atomic" };
    const place = this.#at(at);
    const value = given ? this.#value(this.#convert(given, of, at)) : "";
    const word = `m.${of.name}[m.bound.offset + o >> 2]`;
    const bodies: Record<string, string> = {
      atomicLoad: `m.read(o, 4, at, true); return ${word};`,
      atomicStore: `m.write(o, 4, at, "store"); ${word} = v;`,
    };
    const update = ATOMIC[name];
    const body = bodies[name] ?? (update &&
      `m.write(o, 4, at, "update"); const old = ${word}; ${word} = ${
        update.replace("$", "v")
      }; return old;`);
    if (!body) return this.#refuse(at, `an atomic it knows, not "${name}"`);
    const helper = this.#helpers.add(`${name}_${of.name}`, `(m, o, at, v) => { ${body} }`);
    return { type: of, js: `${helper}(${variable}, ${offset}, ${place}${value && `, ${value}`})` };
  }

  #construct(type: Type, args: Code[], at: Place): Code {
    if (args.length === 0) return { type, js: this.#helpers.zero(type), fresh: true };
    if (type.kind === "scalar") return this.#cast(args[0], type, at);
    if (type.kind === "vec") {
      if (args.length === 1 && args[0].type.kind === "vec") return this.#cast(args[0], type.of, at);
      const parts = args.map((arg) => {
        const js = this.#value(this.#convert(arg, type.of, at, true));
        return arg.type.kind === "vec" ? `...${js}` : js;
      });
      if (args.length === 1) {
        const list = Array(type.size).fill("a").join(", ");
        const splat = this.#helpers.add(`splat_${type.size}`, `(a) => [${list}]`);
        return { type, js: `${splat}(${parts[0]})`, fresh: true };
      }
      return { type, js: `[${parts.join(", ")}]`, fresh: true };
    }
    if (type.kind !== "array" && type.kind !== "struct") return this.#refuse(at, "a constructor");
    const parts = args.map((arg, i) =>
      this.#owned(this.#convert(arg, type.kind === "array" ? type.of : type.fields[i].type, at))
    );
    return { type, js: `[${parts.join(", ")}]`, fresh: true };
  }

  /** A conversion that is written down, of all parts. */
  #cast(from: Code, to: Scalar, at: Place): Code {
    if (from.value !== undefined) return this.#convert(from, to, at);
    const { name } = elementOf(from.type);
    const template = name === to.name ? "$0" : conversion(name, to.name);
    const code = this.#partwise(`${to.name}_of_${name}`, template, [from], at);
    return { ...code, type: withElement(from.type, to) };
  }

  #bitcast(type: Type, from: Code, at: Place): Code {
    const code = this.#convert(from, undefined, at);
    const [source, to] = [elementOf(code.type).name, elementOf(type).name];
    const template = to === "f32"
      ? "f32OfBits($0)"
      : source === "f32"
      ? `${to}OfF32($0)`
      : to === "u32"
      ? "($0 >>> 0)"
      : "($0 | 0)";
    return { ...this.#partwise(`${to}_bits_${source}`, template, [code], at), type };
  }

  /** Literals take the type that is wanted, or their usual one; with `parts`, of a vector's parts. */
  #convert(code: Code, wanted: Type | undefined, at: Place, parts = false): Code {
    if (code.value === undefined) {
      const found = parts ? elementOf(code.type) : code.type;
      if (wanted && key(found) !== key(wanted)) {
        return this.#refuse(at, `${key(wanted)}, not ${key(found)}`);
      }
      return code;
    }
    const type = wanted ?? concrete(code.type);
    const { name } = elementOf(type);
    const value = name === "f32" ? Math.fround(code.value) : code.value;
    if (name !== "f32" && !Number.isInteger(value)) {
      return this.#refuse(at, `${name}, not ${value}`);
    }
    const js = Object.is(value, -0) ? "-0" : `${value}`;
    return { type, js: js.startsWith("-") ? `(${js})` : js };
  }

  // Memory and values.

  /** Loads what lies in memory. */
  #value(code: Code): string {
    const { type, memory, js } = code;
    if (code.value !== undefined) return this.#convert(code, undefined, { file: "", line: 0 }).js;
    if (!memory) return js;
    return this.#helpers.load(memory, type);
  }

  /** A value that nobody else changes. */
  #owned(code: Code): string {
    const js = this.#value(code);
    if (code.fresh || code.memory || code.type.kind === "scalar") return js;
    return `${this.#helpers.copy(code.type)}(${js})`;
  }
}
