"use strict";
// what is packed into this file: each part is unpacked once, where it is asked for
const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const make = (name, text, kind) => Object.assign(document.createElement(name), { textContent: text ?? "", className: kind ?? "" });

const parts = (() => {
  const started = new Map(), ready = new Map();
  const unpack = async (name) => {
    if (!("DecompressionStream" in window)) {
      throw new Error("This browser cannot unpack what lies in this file (that takes Chrome 80, Firefox 113, Safari 16.4 or later). "
        + "The same is in results/tables and results/figures, and records are in results/records.jsonl.");
    }
    const bytes = Uint8Array.from(atob(find(`#pack-${name}`).textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const text = await new Response(stream).text();
    ready.set(name, text);
    return text;
  };
  const text = (name) => {
    if (!started.has(name)) started.set(name, unpack(name));
    return started.get(name);
  };
  const json = (name) => text(name).then(JSON.parse);
  const dressed = [];  // what is done to every part that is put in its place
  const put = (place, content) => {
    place.innerHTML = content;
    place.dataset.state = "open";
    place.removeAttribute("aria-busy");
    dressed.forEach((dress) => dress(place));
  };
  const open = async (place) => {
    if (place.dataset.state) return place.opening;
    place.dataset.state = "opening";
    place.setAttribute("aria-busy", "true");
    place.opening = text(place.dataset.part).then((content) => put(place, content), (error) => {
      place.removeAttribute("aria-busy");
      place.replaceChildren(make("p", error.message, "empty"));
    });
    return place.opening;
  };
  const placeOf = (name) => all(".packed").find((place) => place.dataset.part === name);
  const isFolded = (place) => Boolean(place.closest("details:not([open])"));

  const near = new IntersectionObserver((seen) => seen.forEach(({ isIntersecting, target }) => isIntersecting && open(target)),
    { rootMargin: "600px" });
  all(".packed").forEach((place) => {
    const fold = place.closest("details");
    if (fold) fold.addEventListener("toggle", () => fold.open && open(place));
    else near.observe(place);
  });
  // what a reader has not come to is printed too: unpacked when the page has time, put in its place before it is printed
  (window.requestIdleCallback ?? setTimeout)(() => all(".packed").filter((place) => !isFolded(place))
    .forEach((place) => text(place.dataset.part).catch(() => {})));
  addEventListener("beforeprint", () => all(".packed").forEach((place) => {
    if (!isFolded(place) && place.dataset.state !== "open" && ready.has(place.dataset.part)) put(place, ready.get(place.dataset.part));
  }));

  // to a place by its id: what stands above it is opened first, so that nothing moves it away afterwards
  const go = async (id, part) => {
    if (part) {
      const place = placeOf(part), fold = place?.closest("details");
      if (fold) fold.open = true;
      if (place) await open(place);
    }
    const target = document.getElementById(id);
    if (!target) return;
    const above = all(".packed").filter((place) => !isFolded(place)
      && (target.contains(place) || place.compareDocumentPosition(target) & Node.DOCUMENT_POSITION_FOLLOWING));
    await Promise.all(above.map(open));
    target.scrollIntoView();
    if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
    target.focus({ preventScroll: true });
  };
  addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link || event.ctrlKey || event.metaKey || link.dataset.dataset) return;
    event.preventDefault();
    history.pushState(null, "", link.hash);
    go(link.hash.slice(1));
  });
  addEventListener("popstate", () => location.hash && go(location.hash.slice(1)));
  if (location.hash) go(location.hash.slice(1));
  return { json, open, go, dressed };
})();

// the search: what it finds is a list under its field, gone through by arrows and taken by Enter
const search = (onMethod, onDataset) => {
  const field = find("#search"), list = find("#found");
  const most = 12;
  let known = null, shown = [], at = -1;
  const close = () => {
    list.hidden = true;
    at = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const mark = (place) => {
    at = shown.length ? (place + shown.length) % shown.length : -1;
    all("li", list).forEach((line, index) => line.setAttribute("aria-selected", String(index === at)));
    if (at >= 0) {
      field.setAttribute("aria-activedescendant", `found-${at}`);
      list.children[at].scrollIntoView({ block: "nearest" });
    }
  };
  const take = ([name, kind, place, part]) => {
    close();
    field.value = "";
    if (kind === "method") onMethod(name);
    else if (kind === "data set") onDataset(name);
    else parts.go(place, part);
  };
  const worth = ([name, kind], words) => {
    const lower = name.toLowerCase();
    const order = ["method", "data set", "section", "figure", "table"].indexOf(kind);
    return (lower === words.join(" ") ? 0 : lower.startsWith(words[0]) ? 10 : 20) + order;
  };
  const look = async () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return close();
    try {
      known ??= await parts.json("index");
    } catch (error) {
      shown = [];
      list.replaceChildren(make("li", error.message, "nothing"));
      list.hidden = false;
      return;
    }
    const fits = (entry) => words.every((word) => `${entry[0]} ${entry[1]} ${entry[4]}`.toLowerCase().includes(word));
    const found = known.filter(fits).map((entry, index) => ({ entry, index, worth: worth(entry, words) }));
    found.sort((a, b) => a.worth - b.worth || a.index - b.index);
    shown = found.slice(0, most).map(({ entry }) => entry);
    const lines = shown.map((entry, index) => {
      const line = make("li"), kind = make("small", entry[1]);
      line.id = `found-${index}`;
      line.setAttribute("role", "option");
      line.append(make("span", entry[0]), kind);
      line.addEventListener("pointerdown", (event) => (event.preventDefault(), take(entry)));
      return line;
    });
    if (!shown.length) lines.push(make("li", "nothing of that name", "nothing"));
    else if (found.length > most) lines.push(make("li", `and ${found.length - most} more`, "nothing"));
    list.replaceChildren(...lines);
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    mark(0);
  };
  field.addEventListener("input", look);
  field.addEventListener("focus", look);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps && !list.hidden) (event.preventDefault(), mark(at + steps[event.key]));
    else if (event.key === "Enter" && at >= 0) (event.preventDefault(), take(shown[at]));
    else if (event.key === "Escape") (close(), (field.value = ""));
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
    event.preventDefault();
    field.focus();
  });
};
