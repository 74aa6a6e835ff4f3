/** A Python pickle that holds one string and nothing else; anything that could do more is refused. */

/** Opcodes of such a pickle, protocols 2 to 5. */
const PROTO = 0x80;
const FRAME = 0x95;
const SHORT_TEXT = 0x8c;
const TEXT = 0x58;
const LONG_TEXT = 0x8d;
const MEMOIZE = 0x94;
const PUT = 0x71;
const LONG_PUT = 0x72;
const STOP = 0x2e;

/** The string in a pickle. */
export function unpickledString(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let found: string | undefined;
  const text = (length: number) => {
    if (found !== undefined) throw new SyntaxError("a pickle of more than one string");
    if (at + length > bytes.length) throw new SyntaxError("a pickle that ends early");
    found = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(at, at += length));
  };
  const take = (size: number) => {
    if (at + size > bytes.length) throw new SyntaxError("a pickle that ends early");
    return at += size;
  };
  while (at < bytes.length) {
    const opcode = bytes[at++];
    switch (opcode) {
      case PROTO:
      case PUT:
        take(1);
        break;
      case LONG_PUT:
        take(4);
        break;
      case FRAME:
        take(8);
        break;
      case MEMOIZE:
        break;
      case SHORT_TEXT:
        text(view.getUint8(take(1) - 1));
        break;
      case TEXT:
        text(view.getUint32(take(4) - 4, true));
        break;
      case LONG_TEXT:
        text(Number(view.getBigUint64(take(8) - 8, true)));
        break;
      case STOP:
        if (found === undefined) throw new SyntaxError("a pickle without a string");
        return found;
      default:
        throw new SyntaxError(`a pickle with opcode 0x${opcode.toString(16)}, expected one string`);
    }
  }
  throw new SyntaxError("a pickle that ends early");
}
