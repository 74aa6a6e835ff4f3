/** Edge: renders a chat template once, in a process of its own; "ok" or the template's own message. */
import { Template } from "@huggingface/jinja";

const { source, input, most } = await new Response(Deno.stdin.readable).json();
let answer = "ok";
try {
  const { length } = new Template(source).render(input);
  if (length > most) answer = `it wrote ${length} characters, expected at most ${most}`;
} catch (error) {
  answer = (error as Error).message.replace(/\s+/g, " ");
}
await Deno.stdout.write(new TextEncoder().encode(answer));
