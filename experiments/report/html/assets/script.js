(() => {
  const board = find("#board"), body = board.tBodies[0], total = Number(board.dataset.rows);

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

  // rows: those of one budget stand in the page, all others are packed and come when a filter asks for them
  let packed = null;
  const rows = () => [...body.rows].filter((row) => row.matches(".row"));
  const dress = () => all("tr[data-row]", body).forEach((row) => {
    row.classList.add("row");
    row.dataset.method = row.cells[0].dataset.v;
    all(".open, .badge", row).forEach((button) => button.setAttribute("aria-expanded", "false"));
    find(".badge", row).setAttribute("aria-label", `${find(".badge", row).textContent}: the ledger of ${row.dataset.method}`);
  });

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
  const told = (inner, about) => {
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
  };
  let details = null;
  const aboutRow = async (number) => {
    details ??= await parts.json("details");
    const { names, shared, rows: kept } = details;
    return Object.fromEntries(kept[number].map((place, index) => [names[index], shared[place]]));
  };
  const opened = (row) => {
    const line = document.createElement("tr"), cell = line.insertCell(), inner = make("div", "", "inner");
    line.className = "detail";
    line.id = `detail-${row.dataset.row}`;
    cell.colSpan = row.cells.length;
    inner.setAttribute("aria-busy", "true");
    cell.append(inner);
    aboutRow(Number(row.dataset.row)).then((about) => told(inner, about), (error) => inner.append(make("p", error.message, "empty")))
      .finally(() => inner.removeAttribute("aria-busy"));
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
    const sorted = rows().map((row, index) => ({ row, index, text: value(row), number: parseFloat(value(row)) }));
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
  const dataset = find("#dataset"), epsilon = find("#epsilon"), method = find("#method"), kinds = all('#filters [name="kind"]');
  const at = (kind) => heads.findIndex((head) => find("button", head).textContent === kind);
  heads[at("data set")].classList.add("dataset");
  heads[at("epsilon")].classList.add("epsilon");
  const say = () => {
    heads.forEach((head, column) => {  // a column that holds nothing here is left out
      const holds = rows().some((row) => row.cells[column].dataset.v !== "");
      [head, ...rows().map((row) => row.cells[column])].forEach((cell) => (cell.hidden = !holds));
    });
    board.classList.toggle("one-dataset", dataset.value !== "");
    board.classList.toggle("one-epsilon", epsilon.value !== "");
    find("#shown").textContent = `${rows().length} of ${total} rows shown`;
  };
  const filter = async () => {
    try {
      packed ??= await parts.json("rows");
    } catch (error) {
      find("#shown").textContent = error.message;
      return;
    }
    close();
    const here = packed.filter((row) => !dataset.value || row[0] === dataset.value);
    const offered = new Set(here.map((row) => row[1]));
    if (!offered.has(epsilon.value)) epsilon.value = "";
    all("option", epsilon).forEach((option) => (option.disabled = option.value !== "" && !offered.has(option.value)));
    const wanted = new Set(kinds.filter((box) => box.checked).map((box) => box.value)), word = method.value.trim().toLowerCase();
    const known = new Set(packed.map((row) => row[3]));  // a whole name means that method, with or without settings
    const named = (name) => (known.has(word) ? name === word || name.startsWith(`${word} (`) : name.toLowerCase().includes(word));
    const kept = here.filter((row) => (!epsilon.value || row[1] === epsilon.value) && wanted.has(row[2]) && named(row[3]));
    body.innerHTML = kept.map((row) => row[4]).join("");
    dress();
    const column = heads.findIndex((head) => head.getAttribute("aria-sort") !== "none");
    sort(column, heads[column].getAttribute("aria-sort"));
    say();
  };
  find("#filters").addEventListener("change", filter);
  find("#filters").addEventListener("submit", (event) => event.preventDefault());
  method.addEventListener("input", filter);
  dataset.value = board.dataset.dataset;
  epsilon.value = board.dataset.epsilon;
  method.value = "";
  kinds.forEach((box) => (box.checked = true));
  dress();
  sort(at("accuracy"), "descending");
  say();

  // from elsewhere to rows: the search, and the cells behind the answer
  const show = async (chosen) => {
    dataset.value = chosen.dataset ?? "";
    epsilon.value = chosen.epsilon ?? "";
    method.value = chosen.method ?? "";
    kinds.forEach((box) => (box.checked = true));
    await filter();
    parts.go("leaderboard");
  };
  search((name) => show({ method: name }), (name) => show({ dataset: name }));
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-dataset]");
    if (!link) return;
    event.preventDefault();
    show(link.dataset);
  });

  // figures: the marker nearest to the pointer says what it stands for
  const tip = find("#tip");
  const pointed = (svg) => {
    const marks = all("title", svg).map((title) => {
      const mark = title.parentNode, text = title.textContent;
      title.remove();
      return { mark, text };
    });
    const tell = (event) => {
      let nearest = null, least = 18;
      for (const { mark, text } of marks) {
        const box = mark.getBoundingClientRect();
        const distance = Math.hypot(event.clientX - (box.left + box.width / 2), event.clientY - (box.top + box.height / 2));
        if (distance < least) [nearest, least] = [text, distance];
      }
      tip.hidden = !nearest;
      if (!nearest) return;
      tip.textContent = nearest;
      const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      const below = event.clientY + 16 + tip.offsetHeight < innerHeight;
      tip.style.left = `${Math.max(8, left)}px`;
      tip.style.top = `${below ? event.clientY + 16 : event.clientY - tip.offsetHeight - 12}px`;
    };
    svg.addEventListener("pointermove", tell);
    svg.addEventListener("pointerdown", tell);
    svg.addEventListener("pointerleave", () => (tip.hidden = true));
  };
  all("figure svg").forEach(pointed);
  parts.dressed.push((place) => all("figure svg", place).forEach(pointed));
  addEventListener("scroll", () => (tip.hidden = true), { passive: true });
})();
