/** A page as a user would write one: answers the records of /records.jsonl, and reports to the server it came from. */
import { readJsonl, sample, Session, webFolder } from "unmask/web";

const report = (path: string, body: unknown) =>
  fetch(path, { method: "POST", body: JSON.stringify(body) });

try {
  const session = new Session({
    model: webFolder(new URL("nano", location.href)),
    onNotice: (line) => console.warn(line),
  });
  const { body } = await fetch("/records.jsonl");
  const answers = [];
  for await (const answer of sample(readJsonl(body!, { source: "records.jsonl" }), { session })) {
    answers.push(JSON.parse(answer.toString()));
  }
  await session.close();
  await report("/answers", answers);
} catch (error) {
  await report("/failed", String((error as Error).stack ?? error));
}
