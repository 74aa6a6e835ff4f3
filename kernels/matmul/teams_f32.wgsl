// x of kernels/matmul/matmul_teams.wgsl as float32.
var<workgroup> x_tile: array<array<vec4f, SHARES>, ROW_QUADS>; // [row, quad of its block][share]

// Neighbouring lanes load neighbouring shares, then the next quad of the same blocks.
fn first_quad(load: u32) -> u32 { return load % SHARES * BLOCK_QUADS + load / SHARES; }

fn put_x(lane: u32, row: u32, quads: array<vec4f, LOAD_QUADS>) {
  x_tile[row * BLOCK_QUADS + lane / SHARES % BLOCK_QUADS][lane % SHARES] = quads[0];
}

// acc[row][j] += x . w over a piece of each of the team's NW weight rows.
fn multiply(acc: ptr<function, array<array<f32, NW>, TM>>, raw: array<Raw, NW>, step: Step) {
  for (var pair = 0u; pair < PAIRS; pair++) { // unroll
    var b: array<array<vec4f, 2>, NW>;
    for (var j = 0u; j < NW; j++) { // unroll
      b[j] = pair_of(raw[j], pair, step.merged);
    }
    for (var part = 0u; part < GUARDS; part++) { // unroll
      if (part == 0u || part * GUARDED < step.count) {
        for (var i = 0u; i < GUARDED; i++) { // unroll
          for (var g = 0u; g < 2u; g++) { // unroll
            let quad = (step.piece * PAIRS + pair) * 2u + g;
            let a = x_tile[(part * GUARDED + i) * BLOCK_QUADS + quad][step.share];
            for (var j = 0u; j < NW; j++) { // unroll
              (*acc)[part * GUARDED + i][j] = dot_onto((*acc)[part * GUARDED + i][j], a, b[j][g]);
            }
          }
        }
      }
    }
  }
}
