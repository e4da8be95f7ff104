// What a person must know before reading any figure. data = {level: "" | "info" | "warn" | "stop", text}
// "beat" counts up every few seconds: when it stops, this page has lost the web process and says so by itself.

const SILENCE_MS = 12000;

export function render({ model, el }) {
  const box = document.createElement("div");
  box.setAttribute("role", "status");
  let heard = Date.now();

  function show(level, text) {
    box.className = level ? `message ${level}` : "";
    if (box.textContent !== text) box.textContent = text;
    el.hidden = !level;
  }
  function draw() {
    show(model.data.level, model.data.text);
  }
  async function watch() {
    const silence = Date.now() - heard;
    if (silence < SILENCE_MS) return;
    show("stop", `This page has lost the web process for ${Math.round(silence / 1000)} s: the figures below are old. It reconnects by itself.`);
    try {
      const answer = await fetch("/health", { cache: "no-store" });
      if (answer.ok) location.reload();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // a refused connection: try again later
    }
  }
  model.on("beat", () => {
    heard = Date.now();
    draw();
  });
  model.on("data", draw);
  const timer = setInterval(watch, 3000);
  model.on("remove", () => clearInterval(timer));
  draw();
  el.append(box);
}
