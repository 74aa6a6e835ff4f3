// What a lane loads and stores at once: four values.
alias Pack = vec4f;

fn fours(pack: Pack) -> array<vec4f, FOURS> { return array<vec4f, FOURS>(pack); }

fn pack_of(fours: array<vec4f, FOURS>) -> Pack { return fours[0]; }
