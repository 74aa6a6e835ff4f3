/** Edge: renders a chat template once, in a process of its own; "ok" or the template's own message. */
import { Template } from "@huggingface/jinja";

/** What a template is tried with. */
export interface Trial {
  readonly source: string;
  readonly input: Record<string, unknown>;
  /** Most characters it may write. */
  readonly most: number;
}

/** "ok", or in one line what is wrong with a template. */
export function tryTemplate({ source, input, most }: Trial): string {
  try {
    const { length } = new Template(source).render(input);
    return length <= most ? "ok" : `it wrote ${length} characters, expected at most ${most}`;
  } catch (error) {
    return (error as Error).message.replace(/\s+/g, " ");
  }
}

if (import.meta.main) {
  const answer = tryTemplate(await new Response(Deno.stdin.readable).json());
  await Deno.stdout.write(new TextEncoder().encode(answer));
}
