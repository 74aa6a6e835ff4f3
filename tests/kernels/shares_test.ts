import assert from "@std/assert";
import { Launcher } from "../../kernels/launch.ts";
import { sharesFile } from "../../kernels/shares.ts";

Deno.test("sharesFile() takes shuffles where every subgroup has whole teams", () => {
  const file = (subgroupMinSize: number, subgroupMaxSize: number, features = ["subgroups"]) => {
    const device = { adapterInfo: { subgroupMinSize, subgroupMaxSize } } as GPUDevice;
    return sharesFile(new Launcher(device, "gpu", features)).name;
  };
  assert.equal(file(32, 32), "kernels/shares_subgroup.wgsl"); // NVIDIA
  assert.equal(file(32, 64), "kernels/shares_subgroup.wgsl"); // AMD
  assert.equal(file(8, 32), "kernels/shares_subgroup.wgsl"); // Intel
  assert.equal(file(4, 4), "kernels/shares_memory.wgsl"); // SwiftShader
  assert.equal(file(32, 64, []), "kernels/shares_memory.wgsl");
});
