// A short list of labelled facts. data = {title, note, rows: [{name, label, value, tone}]}

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

export function render({ model, el }) {
  const root = element("section", "card");
  const head = element("div", "head");
  const title = element("h2");
  const note = element("span", "note");
  const list = element("dl", "fact-list");
  head.append(title, note);
  root.append(head, list);

  function draw() {
    const data = model.data;
    title.textContent = data.title;
    note.textContent = data.note;
    root.setAttribute("aria-label", data.title);
    list.replaceChildren();
    for (const row of data.rows) {
      const value = element("dd", row.tone || "", row.value);
      value.dataset.name = row.name;
      list.append(element("dt", "muted", row.label), value);
    }
  }
  model.on("data", draw);
  draw();
  el.append(root);
}
