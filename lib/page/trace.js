// Plays how the canvases of a page were filled, and shows what is known of the token that is pointed at.
addEventListener("DOMContentLoaded", () => {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

  // What is known of a cell; taken out of its title, which a browser would show beside ours.
  const knownOf = (cell) => {
    cell.dataset.t ??= cell.title;
    cell.removeAttribute("title");
    return cell.dataset.t;
  };

  // What a cell held, behind so many steps: [steps, class, confidence in percent, text, what is known].
  const versionsOf = (cell) => {
    const { dataset: { h, g }, className, textContent, style } = cell;
    if (h) return JSON.parse(h);
    if (!g) return [];
    return [[Number(g), className, style.getPropertyValue("--p"), textContent, knownOf(cell)]];
  };

  const play = (section) => {
    const steps = JSON.parse(section.dataset.s);
    let cells;
    let timer;
    const button = make("button", { type: "button", textContent: "Play" });
    const slider = make("input", { type: "range", min: 0, max: steps.length, value: steps.length });
    slider.setAttribute("aria-label", "steps done");
    const words = make("output", { textContent: steps.at(-1) });
    const player = make("div", { className: "player" });
    player.append(button, slider, words);
    section.querySelector(".block").before(player);

    const show = (done) => {
      cells ??= Array.from(section.querySelectorAll(".cells b"), (cell) => {
        const masked = cell.classList.contains("x") ? "m x" : "m";
        return { cell, text: cell.textContent, masked, versions: versionsOf(cell) };
      });
      for (const { cell, text, masked, versions } of cells) {
        const found = versions.findLast(([since]) => since <= done);
        const [since, name, sure, own, known] = found ?? [-1, masked, "", "", "masked"];
        cell.className = since === done ? `${name} now` : name;
        cell.style.setProperty("--p", sure);
        // A mask is as wide as what will stand there, so that nothing jumps.
        cell.textContent = own === "" ? text : own;
        cell.removeAttribute("title");
        cell.dataset.t = known;
      }
      slider.value = done;
      words.textContent = done === 0 ? "all masked" : steps[done - 1];
    };
    const stop = () => {
      clearInterval(timer);
      timer = undefined;
      button.textContent = "Play";
    };
    slider.addEventListener("input", () => {
      stop();
      show(Number(slider.value));
    });
    button.addEventListener("click", () => {
      if (timer) return stop();
      button.textContent = "Pause";
      show(Number(slider.value) === steps.length ? 0 : Number(slider.value));
      timer = setInterval(() => {
        show(Number(slider.value) + 1);
        if (Number(slider.value) === steps.length) stop();
      }, 500);
    });
  };
  for (const section of document.querySelectorAll("section")) play(section);

  const tip = make("div", { className: "tip", hidden: true });
  document.body.append(tip);
  const point = ({ target }) => {
    const cell = target.closest?.(".cells b");
    tip.hidden = !cell;
    if (!cell) return;
    tip.textContent = knownOf(cell);
    const { left, bottom } = cell.getBoundingClientRect();
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${scrollX + Math.max(8, Math.min(left, room))}px`;
    tip.style.top = `${scrollY + bottom + 6}px`;
  };
  addEventListener("click", point);
  addEventListener("pointerover", (event) => event.pointerType === "mouse" && point(event));
});
