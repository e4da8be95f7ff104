// A table whose cells are text and nothing else. On a narrow screen columns marked "wide" give way.
// columns = [{name, label, number, wide}]; rows = [{key, cells: [{text, tone, sub}]}]; chosen = key of the chosen row

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Names such as moving_average_crossover may break after an underscore, not within a word.
function setText(node, text) {
  node.replaceChildren();
  text.split("_").forEach((part, i, parts) => {
    node.append(i < parts.length - 1 ? `${part}_` : part);
    if (i < parts.length - 1) node.append(document.createElement("wbr"));
  });
}

function columnClass(column) {
  return `${column.number ? "number" : "words"}${column.wide ? " wide" : ""}`;
}

export function render({ model, el }) {
  const root = element("section", "card");
  const head = element("div", "head");
  const title = element("h2");
  const note = element("span", "note");
  head.append(title, note);
  const frame = element("div", "frame");
  frame.tabIndex = 0;
  const table = element("table");
  const header = element("tr");
  const thead = element("thead");
  thead.append(header);
  const body = element("tbody");
  table.append(thead, body);
  const empty = element("p", "empty muted");
  frame.append(table);
  root.append(head, frame, empty);
  const shown = new Map();

  function choose(key) {
    if (model.selectable) model.chosen = key;
  }

  function makeRow(row) {
    const tr = element("tr");
    tr.dataset.key = row.key;
    if (model.selectable) {
      tr.tabIndex = 0;
      tr.addEventListener("click", () => choose(row.key));
      tr.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          choose(row.key);
        }
      });
    }
    for (const column of model.columns) {
      const td = element("td", columnClass(column));
      td.dataset.name = column.name;
      td.append(element("span", "text"), element("span", "sub"));
      tr.append(td);
    }
    return tr;
  }

  function fillRow(tr, row, isNew) {
    row.cells.forEach((cell, i) => {
      const [text, sub] = tr.children[i].children;
      if (text.textContent !== cell.text) {
        setText(text, cell.text);
        text.className = `text ${cell.tone || ""}`;
      }
      sub.textContent = cell.sub || "";
      sub.hidden = !cell.sub;
      tr.children[i].title = cell.title || "";
    });
  }

  function draw() {
    title.textContent = model.title;
    note.textContent = model.note;
    root.setAttribute("aria-label", model.title);
    frame.setAttribute("aria-label", model.title);
    const first = header.children.length === 0;
    if (first) {
      for (const column of model.columns) {
        const th = element("th", columnClass(column), column.label);
        th.scope = "col";
        header.append(th);
      }
    }
    const keys = new Set(model.rows.map((row) => row.key));
    for (const [key, tr] of shown) {
      if (!keys.has(key)) {
        tr.remove();
        shown.delete(key);
      }
    }
    model.rows.forEach((row, i) => {
      const isNew = !shown.has(row.key);
      const tr = isNew ? makeRow(row) : shown.get(row.key);
      shown.set(row.key, tr);
      fillRow(tr, row, isNew);
      if (isNew && !first) tr.classList.add("changed");
      tr.classList.toggle("chosen", model.selectable && row.key === model.chosen);
      if (body.children[i] !== tr) body.insertBefore(tr, body.children[i] || null);
    });
    frame.hidden = model.rows.length === 0;
    empty.hidden = model.rows.length > 0;
    empty.textContent = model.empty;
  }
  for (const name of ["rows", "note", "empty", "chosen"]) model.on(name, draw);
  draw();
  el.append(root);
}
