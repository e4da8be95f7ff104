(() => {
  "use strict";
  const MINUTE = 60000;
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const small = matchMedia("(pointer: coarse), (max-width: 620px)");

  /* Ink and grid follow the page, so that the drawings suit a light and a dark screen. */
  function paint(models) {
    const style = getComputedStyle(document.documentElement);
    const [muted, grid, card] = ["--muted", "--grid", "--card"].map((name) => style.getPropertyValue(name).trim());
    for (const model of models) {
      if (model.type.endsWith("Axis")) model.major_label_text_color = muted;
      if (model.type === "Grid") model.grid_line_color = grid;
      if (model.type === "Scatter") model.line_color = { value: card };
    }
  }

  /* On a phone a finger on a drawing scrolls the page. */
  function calm(models) {
    if (!small.matches) return;
    for (const model of models) {
      if (model.type === "DatetimeAxis") model.ticker.desired_num_ticks = 4;
      if (["PanTool", "BoxZoomTool", "WheelZoomTool"].includes(model.type)) model.active = false;
      if (model.type === "Plot") model.toolbar_location = null;
    }
  }

  function scrollable(node) {
    if (node.classList.contains("bk-events")) node.style.setProperty("touch-action", "pan-y pinch-zoom", "important");
    for (const child of [...(node.shadowRoot?.children ?? []), ...node.children]) scrollable(child);
  }

  function show(doc, record) {
    const timed = (columns) => ({ ...columns, time: columns.time.map((minute) => minute * MINUTE) });
    const { symbol, buy, sell, note, ...bars } = record;
    doc.get_model_by_name("price").data = timed(bars);
    doc.get_model_by_name("buy").data = timed(buy);
    doc.get_model_by_name("sell").data = timed(sell);
    document.getElementById("price-note").textContent = note;
    document.getElementById("plot-price").setAttribute("aria-label", `Prices of ${symbol}: ${note}`);
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const value = (row, column) => {
      const cell = row.cells[column];
      const raw = cell.dataset.value ?? cell.textContent;
      const number = Number(raw);
      return raw !== "" && Number.isFinite(number) ? number : raw;
    };
    table.tHead.addEventListener("click", (event) => {
      const head = event.target.closest("th");
      if (!head || !event.target.closest("button")) return;
      const down = head.getAttribute("aria-sort") !== "descending";
      const column = head.cellIndex;
      const rows = [...body.rows].map((row) => [value(row, column), row]);
      rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...rows.map(([, row]) => row));
    });
  }

  async function draw() {
    const ids = Object.keys(data.roots);
    await Bokeh.embed.embed_items({ report: data.document }, [{ docid: "report", roots: data.roots, root_ids: ids }]);
    const [doc] = Bokeh.documents;
    const models = doc.roots().flatMap((root) => [...root.references()]);
    calm(models);
    paint(models);
    if (small.matches) document.querySelectorAll(".plot").forEach(scrollable);
    dark.addEventListener("change", () => paint(models));
    const chooser = document.getElementById("symbol");
    if (chooser) {
      chooser.value = "0";
      chooser.addEventListener("change", () => show(doc, data.prices[Number(chooser.value)]));
    }
    document.documentElement.dataset.drawn = "true";
  }

  document.querySelectorAll("table.sortable").forEach(sortable);
  draw();
})();
