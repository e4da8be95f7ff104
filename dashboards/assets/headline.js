// The figures a person looks for first: how much money, how it moves, what is at work.
// data = {caption, value, unit, moves: [{label, value, tone}], figures: [{label, value, tone, title}]}

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function update(node, text, className) {
  if (node.textContent !== text) node.textContent = text;
  if (node.className !== className) node.className = className;
}

export function render({ model, el }) {
  const root = element("section", "card account");
  root.setAttribute("aria-label", "Account");
  const money = element("div", "money");
  const caption = element("div", "caption");
  const value = element("div", "value");
  const amount = element("span", "amount");
  const unit = element("span", "unit");
  value.append(amount, unit);
  const moves = element("div", "moves");
  money.append(caption, value, moves);
  const figures = element("dl", "figures");
  root.append(money, figures);
  const slots = { moves: [], figures: [] };

  function fill(kind, parent, items) {
    while (slots[kind].length > items.length) slots[kind].pop().box.remove();
    items.forEach((item, i) => {
      if (!slots[kind][i]) {
        const box = element("div", "item");
        const label = element(kind === "figures" ? "dt" : "span", "label");
        const shown = element(kind === "figures" ? "dd" : "span", "");
        if (kind === "figures") box.append(label, shown);
        else box.append(shown, label);
        parent.append(box);
        slots[kind][i] = { box, label, shown };
      }
      const slot = slots[kind][i];
      slot.label.textContent = item.label;
      slot.box.title = item.title || "";
      slot.box.dataset.name = item.name;
      update(slot.shown, item.value, `shown ${item.tone || ""}`);
    });
  }

  function draw() {
    const data = model.data;
    caption.textContent = data.caption;
    update(amount, data.value, "amount");
    unit.textContent = data.unit;
    fill("moves", moves, data.moves);
    fill("figures", figures, data.figures);
  }
  model.on("data", draw);
  draw();
  el.append(root);
}
