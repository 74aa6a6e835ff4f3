import assert from "@std/assert";
import { besideOf, keepFile } from "../../lib/folder.ts";
import { inFolder } from "../folder.ts";

const DAYS = 24 * 3600 * 1000;

Deno.test("D3 keepFile() removes what killed writers left, nothing younger and nothing else", () =>
  inFolder(async (dir) => {
    const left = [besideOf(`${dir}/cache/a`), besideOf(`${dir}/cache/b`)];
    const kept = [besideOf(`${dir}/cache/a`), `${dir}/cache/mine.tmp`];
    await Deno.mkdir(left[1], { recursive: true });
    await Deno.writeTextFile(`${left[1]}/part`, "half");
    for (const path of [left[0], ...kept]) await Deno.writeTextFile(path, "half");
    const old = new Date(Date.now() - 2 * DAYS);
    for (const path of [...left, kept[1]]) await Deno.utime(path, old, old);
    await keepFile(`${dir}/cache/a`, "whole");
    assert.equal(await Deno.readTextFile(`${dir}/cache/a`), "whole");
    const names = (await Array.fromAsync(Deno.readDir(`${dir}/cache`))).map(({ name }) => name);
    assert.deepEqual(
      names.map((name) => `${dir}/cache/${name}`).sort(),
      [`${dir}/cache/a`, ...kept].sort(),
    );
  }));
