// The state of the session in the page's header. data = {state, tone, text}

export function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "badge-row";
  const state = document.createElement("span");
  const text = document.createElement("span");
  text.className = "when";
  const link = document.createElement("a");
  link.textContent = "Prefect";
  link.target = "_blank";
  link.rel = "noreferrer";
  box.append(text, state, link);

  function draw() {
    const data = model.data;
    state.textContent = data.state;
    state.className = `state ${data.tone}`;
    text.textContent = data.text;
    link.href = data.prefect;
  }
  model.on("data", draw);
  draw();
  el.append(box);
}
