import assert from "@std/assert";
import { complete } from "../../lib/endpoint.ts";
import { Server, type ServerOptions } from "../../lib/server.ts";
import { Faults } from "../../lib/records/faults.ts";
import { Rec } from "../../lib/records/record.ts";
import { Refusal } from "../../lib/refusal.ts";

/** What the stand-in does with the n-th request of a content: a status, a text that is no JSON, an answer. */
type Behaviour = (content: string, nth: number) => Response | Promise<Response>;

function said(content: string, usage?: Record<string, number>): Response {
  return Response.json({
    choices: [{ message: { content }, finish_reason: content === "cut" ? "length" : "stop" }],
    usage,
  });
}

/** Runs `body` against a stand-in server; gives back the requests that it saw. */
async function withServer(
  behaviour: Behaviour,
  body: (options: ServerOptions) => Promise<void>,
): Promise<{ path: string; auth: string | null; body: Record<string, unknown> }[]> {
  const seen: { path: string; auth: string | null; body: Record<string, unknown> }[] = [];
  const counts = new Map<string, number>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const path = new URL(request.url).pathname;
    if (path === "/v1/models") return Response.json({ data: [{ id: "first" }] });
    const sent = await request.json();
    seen.push({ path, auth: request.headers.get("authorization"), body: sent });
    const content = sent.prompt ?? sent.messages.at(-1).content;
    const nth = (counts.get(content) ?? 0) + 1;
    counts.set(content, nth);
    return await behaviour(content, nth);
  });
  try {
    await body({ url: `http://127.0.0.1:${server.addr.port}`, waitMs: 1, timeoutMs: 2000 });
  } finally {
    await server.shutdown();
  }
  return seen;
}

function records(contents: string[]): ReadableStream<Rec> {
  return ReadableStream.from(
    contents.map((content) => Rec.from({ id: content, messages: [{ role: "user", content }] })),
  );
}

Deno.test("complete() answers in order, whatever comes back first", async () => {
  const wait: Record<string, number> = { a: 40, b: 1, c: 20, d: 1 };
  await withServer(async (content) => {
    await new Promise((done) => setTimeout(done, wait[content]));
    return said(content.toUpperCase(), { prompt_tokens: 3, completion_tokens: 1 });
  }, async (address) => {
    const server = new Server(address);
    const done: string[] = [];
    const onDone = ({ id }: Rec) => void done.push(id);
    const options = { server, concurrency: 3, onDone };
    const found = await Array.fromAsync(complete(records([..."abcd"]), options));
    assert.deepEqual(done.toSorted(), [..."abcd"]);
    assert.deepEqual(found.map((rec) => rec.get("text")), [..."ABCD"]);
    assert.deepEqual(found[0].get("usage"), { prompt_tokens: 3, completion_tokens: 1 });
    assert.deepEqual(found[0].get("model"), { name: "first" });
  });
});

Deno.test("complete() sends what the record and the flags say, and the key", async () => {
  const seen = await withServer(() => said("cut"), async (options) => {
    const server = new Server({ ...options, url: `${options.url}/v1/`, model: "m", key: "k" });
    const rec = Rec.from({ id: "a", prompt: "p", decode: { gen_length: 7, temperature: 0.5 } });
    const raw = complete(ReadableStream.from([rec]), { server, decode: { gen_length: 9 } });
    await assert.rejects(() => Array.fromAsync(raw), Refusal); // a chat answer to /completions
    const [chat] = await Array.fromAsync(
      complete(records(["q"]), { server, decode: { gen_length: 9, top_k: 4 }, stop: ["u"] }),
    );
    assert.equal(chat.get("text"), "c");
    assert.deepEqual(chat.get("output"), { finish_reason: "length" });
  });
  assert.deepEqual(seen.map(({ path }) => path), ["/v1/completions", "/v1/chat/completions"]);
  assert.deepEqual(seen[1].body, {
    model: "m",
    messages: [{ role: "user", content: "q" }],
    max_tokens: 9,
    temperature: 0,
    top_k: 4,
    stop: ["u"],
  });
  assert.equal(seen[0].body.max_tokens, 7);
  assert.equal(typeof seen[0].body.seed, "number");
  assert.equal(seen[1].auth, "Bearer k");
});

const FAULTY: [string, Behaviour, RegExp][] = [
  ["429", () => new Response("", { status: 429 }), /after 3 tries: status 429/],
  ["500", () => new Response("oops", { status: 500 }), /after 3 tries: status 500/],
  [
    "HTML",
    () => new Response("<html>hi</html>"),
    /after 3 tries: found "<html>hi<\/html>", expected JSON/,
  ],
  [
    "a wrong model",
    () => Response.json({ error: { message: "no model m" } }, { status: 404 }),
    /completions: status 404: no model m, for record "bad"/,
  ],
  ["no object", () => new Response("null"), /no text in its first choice/],
  ["no text", () => Response.json({ choices: [] }), /no text in its first choice/],
  [
    "an error in place of an answer",
    () => Response.json({ error: { message: "out of memory" } }),
    /no text in its first choice: out of memory, for record "bad"/,
  ],
  [
    "a cut stream",
    () => new Response('{"choices":[{"mess'),
    /after 3 tries/,
  ],
];
for (const [name, behaviour, pattern] of FAULTY) {
  Deno.test(`E21 ${name}: the record gets the error, the others their answers`, async () => {
    await withServer(
      (content, nth) => content === "bad" ? behaviour(content, nth) : said("fine"),
      async (options) => {
        const server = new Server({ ...options, model: "m", tries: 3, key: "secret-key" });
        const faults = new Faults("record");
        const found = await Array.fromAsync(
          complete(records(["a", "bad", "c"]), { server, faults, concurrency: 2 }),
        );
        assert.deepEqual(found.map(({ id }) => id), ["a", "bad", "c"]);
        const { message } = found[1].get("error") as { message: string };
        assert.match(message, pattern);
        assert.ok(!message.includes("secret-key"));
        assert.equal(found[2].get("text"), "fine");
      },
    );
  });
}

Deno.test("E21 a busy server is asked again, after the time that it names", async () => {
  let first = 0;
  await withServer((_, nth) => {
    if (nth === 1) {
      first = performance.now();
      return new Response("", { status: 503, headers: { "retry-after": "1" } });
    }
    assert.ok(performance.now() - first > 900, "asked again too early");
    return said("at last");
  }, async (options) => {
    const [rec] = await Array.fromAsync(complete(records(["a"]), { server: new Server(options) }));
    assert.equal(rec.get("text"), "at last");
  });
});

Deno.test("E21 an answer that never comes is given up", async () => {
  await withServer(
    () => new Promise((done) => setTimeout(() => done(said("late")), 300)),
    async (options) => {
      const server = new Server({ ...options, model: "m", tries: 1, timeoutMs: 100 });
      await assert.rejects(
        () => Array.fromAsync(complete(records(["a"]), { server })),
        /no answer within 0.1 s/,
      );
    },
  );
});

Deno.test("E21 a server that comes up late is asked for its model again", async () => {
  let up = false;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    if (new URL(request.url).pathname !== "/v1/models") return said("fine");
    return up ? Response.json({ data: [{ id: "m" }] }) : new Response("", { status: 404 });
  });
  try {
    const asked = new Server({ url: `http://127.0.0.1:${server.addr.port}` });
    await assert.rejects(() => asked.model(), Refusal);
    up = true;
    assert.equal(await asked.model(), "m");
  } finally {
    await server.shutdown();
  }
});

Deno.test("E1 a message without content is an empty answer", async () => {
  const message = { content: null, reasoning_content: "hm" };
  const answer = () => Response.json({ choices: [{ message, finish_reason: "length" }] });
  await withServer(answer, async (options) => {
    const [rec] = await Array.fromAsync(complete(records(["a"]), { server: new Server(options) }));
    assert.equal(rec.get("text"), "");
    assert.deepEqual(rec.get("output"), { finish_reason: "length" });
  });
});

Deno.test("E21 token counts that are none are left out", async () => {
  for (const count of ['"3"', "null", "-1", "1e999"]) {
    const answer =
      `{"choices":[{"message":{"content":"a"}}],"usage":{"completion_tokens":${count}}}`;
    await withServer(() => new Response(answer), async (options) => {
      const server = new Server(options);
      const [rec] = await Array.fromAsync(complete(records(["a"]), { server }));
      assert.deepEqual([rec.get("text"), rec.has("usage"), rec.has("flags")], ["a", false, false]);
    });
  }
});

Deno.test("E22 a token count that does not fit the text is noticed and recorded", async () => {
  await withServer(() => said("short", { completion_tokens: 900 }), async (options) => {
    const notices: string[] = [];
    const server = new Server(options);
    const onNotice = (line: string) => notices.push(line);
    const [rec] = await Array.fromAsync(complete(records(["a"]), { server, onNotice }));
    assert.deepEqual(rec.get("flags"), ["token_count"]);
    assert.match(notices.at(-1)!, /token counts/);
  });
});

Deno.test("C2 --endpoint that is no address refuses", () => {
  for (const url of ["localhost:3000", "ftp://x", ""]) {
    assert.throws(() => new Server({ url }), /expected an http or https URL/);
  }
  for (const url of ["http://me:secret@h", "http://secret@h/v1", "http://h/v1?key=secret"]) {
    assert.throws(() => new Server({ url }), (error: Error) => {
      assert.match(
        error.message,
        /server h: its URL has a login or a query, expected UNMASK_API_KEY/,
      );
      return !error.message.includes("secret");
    });
  }
});
