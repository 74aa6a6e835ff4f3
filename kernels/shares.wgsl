// A team of SHARES neighbouring lanes shares weight rows: lane s takes blocks s, s + SHARES and so on of 32
// channels, so that the team reads whole cache lines; in the end the lanes' sums are added, by pairs.
const SHARES = 8u;
const BLOCK_QUADS = 8u;                    // groups of four channels
