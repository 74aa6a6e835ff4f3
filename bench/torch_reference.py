"""Answers the items beside a checkpoint in PyTorch, and writes what they are compared with.

    python3 bench/torch_reference.py [models/nano] [--check]

An independent reference of the engine: float32 on the stored weights, the whole window anew at every step (no
cache), policy hf-2.0. Writes greedy_tokens and greedy_text (what stands before the end of text) into
items.jsonl; exact match and tokens per denoising forward (end padding of the last block counted) into
reference_scores.json. --check writes nothing, names what differs and then exits with 1.
"""
import argparse
import json
import pathlib
import sys

from torch_model import Model, Pass, torch

BLOCK, STEPS, THRESHOLD, GEN_LENGTH = 32, 32, 0.95, 64


def block_logits(model, ids):
    """Logits of the last block: each row sees its own block and the blocks before it."""
    count = len(ids)
    ends = [(at // BLOCK + 1) * BLOCK for at in range(count)]
    return model.logits(Pass({
        "row": [0] * count,
        "position": list(range(count)),
        "token": ids,
        "spans": [bound for end in ends for bound in (0, end, 0, 0)],
        "targets": list(range(count - BLOCK, count)),
        "labels": [],
    }))


def accepted(logits, masked, mask_id):
    """The tokens that a step writes, by row: all above the threshold, else the likeliest one."""
    probability = torch.softmax(logits, -1)
    probability[:, mask_id] = -1
    confidence, token = (part.tolist() for part in probability.max(-1))
    # Blocks of 32 in 32 steps need one token a step.
    high = [row for row in masked if confidence[row] > THRESHOLD]
    return {row: token[row] for row in high or [max(masked, key=lambda row: confidence[row])]}


def generate(model, prompt):
    """Tokens behind the prompt before the end of text, forwards, and the positions that they filled."""
    mask_id, eos_id = model.c["mask_token_id"], model.c["eos_token_id"]
    ids, forwards = list(prompt), 0
    while len(ids) < len(prompt) + GEN_LENGTH:
        ids += [mask_id] * (BLOCK - len(ids) % BLOCK)
        start = len(ids) - BLOCK
        for _ in range(STEPS):
            masked = [row for row in range(BLOCK) if ids[start + row] == mask_id]
            if not masked:
                break
            forwards += 1
            for row, token in accepted(block_logits(model, ids), masked, mask_id).items():
                ids[start + row] = token
        if eos_id in ids[len(prompt):]:
            break
    answer = ids[len(prompt):][:GEN_LENGTH]
    end = answer.index(eos_id) if eos_id in answer else len(answer)
    return answer[:end], forwards, len(ids) - len(prompt)


def text_of(folder):
    """Ids to text for the byte-level tokenizer of a folder; special tokens have none."""
    known = json.loads((folder / "tokenizer.json").read_text())
    special = {token["id"] for token in known["added_tokens"] if token["special"]}
    names = {token: name for name, token in known["model"]["vocab"].items()}
    # GPT-2's alphabet: printable bytes stand for themselves, the others from U+0100 on.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable}
    byte_of.update({chr(256 + place): byte for place, byte in enumerate(hidden)})

    def text(ids):
        letters = "".join(names[token] for token in ids if token not in special)
        return bytes(byte_of[letter] for letter in letters).decode(errors="replace")

    return text


def answer_all(folder, items):
    """The items with their answers, and the scores file's content."""
    model, text = Model(folder), text_of(folder)
    rights, forwards, filled = {}, 0, 0
    for number, item in enumerate(items):
        tokens, steps, positions = generate(model, item["prompt_tokens"])
        item["greedy_tokens"], item["greedy_text"] = tokens, text(tokens)
        forwards, filled = forwards + steps, filled + positions
        skill = item["task"].replace("nano_", "")
        rights.setdefault(skill, []).append(item["greedy_text"] == item["answer"])
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {len(items)}", end="", file=sys.stderr)
    return {
        "exact_match": {skill: sum(own) / len(own) for skill, own in rights.items()},
        "items_per_task": len(items) // len(rights),
        "threshold": THRESHOLD,
        "tokens_per_denoising_forward": round(filled / forwards, 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default="models/nano")
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    args = parser.parse_args()
    torch.set_num_threads(1)  # the matrices are small
    files = args.folder / "items.jsonl", args.folder / "reference_scores.json"
    before = [path.read_text() for path in files]
    items = [json.loads(line) for line in before[0].splitlines()]
    with torch.no_grad():
        scores = answer_all(args.folder, items)
    after = ["".join(f"{json.dumps(item)}\n" for item in items), json.dumps(scores, indent=1)]
    print(json.dumps(scores))
    if not args.check:
        for path, text in zip(files, after):
            path.write_text(text)
        return
    lines = [text.splitlines() for text in (before[0], after[0])]
    same = sum(old == new for old, new in zip(*lines))
    print(f"{same} of {len(items)} items are the same; scores {'too' if before[1] == after[1] else 'differ'}")
    sys.exit(0 if before == after else 1)


main()
