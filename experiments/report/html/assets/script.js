"use strict";
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, text, kind) => Object.assign(document.createElement(name), { textContent: text ?? "", className: kind ?? "" });

  const board = find("#board"), body = board.tBodies[0];
  const { names, shared, rows: kept } = JSON.parse(find("#details").textContent);
  const details = kept.map((row) => Object.fromEntries(row.map((place, index) => [names[index], shared[place]])));
  const rows = [...body.rows];
  rows.forEach((row) => {
    row.classList.add("row");
    row.dataset.method = row.cells[0].dataset.v;
    all(".open, .badge", row).forEach((button) => button.setAttribute("aria-expanded", "false"));
    find(".badge", row).setAttribute("aria-label", `${find(".badge", row).textContent}: the ledger of ${row.dataset.method}`);
  });

  // theme: the system's, until somebody chooses
  const theme = find("#theme"), prefers = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (prefers.matches ? "dark" : "light")) === "dark";
  const sayTheme = () => {
    theme.textContent = isDark() ? "light" : "dark";
    theme.setAttribute("aria-label", `show it ${isDark() ? "light" : "dark"}`);
  };
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    sayTheme();
  });
  prefers.addEventListener("change", sayTheme);
  sayTheme();

  // what opens under a row
  const term = (list, name, text) => text && list.append(make("dt", name), make("dd", text));
  const commandOf = (text) => {
    const block = make("pre"), button = make("button", "copy", "copy");
    block.append(make("code", text));
    button.type = "button";
    button.addEventListener("click", () => navigator.clipboard?.writeText(text).then(() => (button.textContent = "copied")));
    const both = make("div");
    both.append(block, ...(navigator.clipboard ? [button] : []));
    return both;
  };
  const ledger = (charges) => {
    const table = make("table"), head = table.createTHead().insertRow(), lines = table.createTBody();
    ["mechanism", "for", "times", "with"].forEach((name) => (head.append(make("th", name)), (head.lastChild.scope = "col")));
    charges.forEach((charge) => charge.forEach(function (text) { this.append(make("td", text)); }, lines.insertRow()));
    return table;
  };
  const opened = (row) => {
    const about = details[Number(row.dataset.row)], line = document.createElement("tr"), cell = line.insertCell(), inner = make("div", "", "inner");
    line.className = "detail";
    line.id = `detail-${row.dataset.row}`;
    cell.colSpan = row.cells.length;
    const list = make("dl");
    term(list, "guarantee", about.badge);
    term(list, "spent", about.spent);
    term(list, "settings", about.settings);
    term(list, "version of the method", about.version === null ? "" : String(about.version));
    term(list, "judged by", about.judges);
    term(list, "time measured", about.time);
    about.errors.forEach((error) => term(list, "did not end well", error));
    inner.append(list, make("strong", `Ledger of seed ${about.seed}`));
    inner.append(about.charges.length ? ledger(about.charges) : make("p", "Nothing was charged."));
    inner.append(make("strong", "The command"), ...about.commands.map(commandOf));
    cell.append(inner);
    return line;
  };
  const toggle = (row) => {
    const button = find(".open", row), isOpen = button.getAttribute("aria-expanded") === "true";
    if (isOpen) find(`#detail-${row.dataset.row}`).remove();
    else row.after(opened(row));
    all(".open, .badge", row).forEach((each) => each.setAttribute("aria-expanded", String(!isOpen)));
    if (isOpen) button.removeAttribute("aria-controls");
    else button.setAttribute("aria-controls", `detail-${row.dataset.row}`);
  };
  body.addEventListener("click", (event) => {
    const button = event.target.closest(".open, .badge");
    if (button) toggle(button.closest("tr"));
  });

  // sorting: numbers as numbers, what is missing last
  const close = () => all('.open[aria-expanded="true"]', body).forEach((button) => toggle(button.closest("tr")));
  const heads = [...board.tHead.rows[0].cells];
  const sort = (column, direction) => {
    close();
    const value = (row) => row.cells[column].dataset.v, sign = direction === "ascending" ? 1 : -1;
    const sorted = rows.map((row, index) => ({ row, index, text: value(row), number: parseFloat(value(row)) }));
    const numeric = sorted.every(({ text, number }) => text === "" || String(Number(text)) !== "NaN" && !Number.isNaN(number));
    sorted.sort((a, b) => {
      if ((a.text === "") !== (b.text === "")) return a.text === "" ? 1 : -1;
      const order = numeric ? a.number - b.number : a.text.localeCompare(b.text, "en");
      return order ? sign * order : a.index - b.index;
    });
    body.append(...sorted.map(({ row }) => row));
    heads.forEach((head, index) => head.setAttribute("aria-sort", index === column ? direction : "none"));
  };
  heads.forEach((head, column) => {
    const button = find("button", head), other = { ascending: "descending", descending: "ascending" };
    button.addEventListener("click", () => sort(column, other[head.getAttribute("aria-sort")] ?? button.dataset.first));
  });

  // filters
  const dataset = find("#dataset"), epsilon = find("#epsilon"), kinds = all('#filters [name="kind"]');
  const at = (kind) => heads.findIndex((head) => find("button", head).textContent === kind);
  const columns = { dataset: at("data set"), epsilon: at("epsilon") };
  heads[columns.dataset].classList.add("dataset");
  heads[columns.epsilon].classList.add("epsilon");
  const filter = () => {
    close();
    const fits = (select, column, row) => !select.value || row.cells[column].dataset.v === select.value;
    const here = rows.filter((row) => fits(dataset, columns.dataset, row));
    const offered = new Set(here.map((row) => row.cells[columns.epsilon].dataset.v));
    if (!offered.has(epsilon.value)) epsilon.value = "";
    const wanted = new Set(kinds.filter((box) => box.checked).map((box) => box.value));
    rows.forEach((row) => {
      row.hidden = !(fits(dataset, columns.dataset, row) && fits(epsilon, columns.epsilon, row) && wanted.has(row.dataset.kind));
    });
    board.classList.toggle("one-dataset", dataset.value !== "");
    board.classList.toggle("one-epsilon", epsilon.value !== "");
    all("option", epsilon).forEach((option) => (option.disabled = option.value !== "" && !offered.has(option.value)));
    find("#shown").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows shown`;
  };
  find("#filters").addEventListener("change", filter);
  find("#filters").addEventListener("submit", (event) => event.preventDefault());
  dataset.value = board.dataset.dataset;
  epsilon.value = board.dataset.epsilon;
  filter();
  sort(at("accuracy"), "descending");

  // figures: the marker nearest to the pointer says what it stands for
  const tip = find("#tip");
  all("figure svg").forEach((svg) => {
    const marks = all("title", svg).map((title) => {
      const mark = title.parentNode, text = title.textContent;
      title.remove();
      return { mark, text };
    });
    const say = (event) => {
      let nearest = null, least = 18;
      for (const { mark, text } of marks) {
        const box = mark.getBoundingClientRect();
        const wide = box.width > 60;  // a line across: its height counts
        const across = wide ? 0 : event.clientX - (box.left + box.width / 2), up = event.clientY - (box.top + box.height / 2);
        const distance = Math.hypot(across, up) + (wide ? 10 : 0);
        if (distance < least) [nearest, least] = [{ box, text }, distance];
      }
      tip.hidden = !nearest;
      if (!nearest) return;
      tip.textContent = nearest.text;
      const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      const below = event.clientY + 16 + tip.offsetHeight < innerHeight;
      tip.style.left = `${Math.max(8, left)}px`;
      tip.style.top = `${below ? event.clientY + 16 : event.clientY - tip.offsetHeight - 12}px`;
    };
    svg.addEventListener("pointermove", say);
    svg.addEventListener("pointerdown", say);
    svg.addEventListener("pointerleave", () => (tip.hidden = true));
  });
  addEventListener("scroll", () => (tip.hidden = true), { passive: true });
})();
