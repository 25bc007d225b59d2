"use strict";
(() => {
  const root = document.documentElement, by = id => document.getElementById(id);
  const config = JSON.parse(by("config").textContent);
  const sections = [...document.querySelectorAll("section.group")];
  const PAGE = 500;

  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const inflate = id => {
    const bytes = Uint8Array.from(atob(by(id).textContent), char => char.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };
  const once = work => { let kept; return () => kept ??= work(); };
  const rest = once(() => inflate("rest")), raw = once(() => inflate("raw"));

  // Rows: those in the document are kept as they are, the others are built when they are first shown.
  const boards = new Map();
  const key = text => text === null || text === "" || Number.isNaN(+text) ? text : +text;
  const servedRow = tr => ({
    node: () => tr,
    text: tr.textContent.toLowerCase(),
    keys: [...tr.cells].map(cell => [cell.hasAttribute("data-v") ? key(cell.dataset.v) : null, +(cell.dataset.b || 0)]),
  });
  const builtRow = (row, heads) => ({
    node: once(() => buildRow(row, heads)),
    text: row[2].map(cell => `${cell[0]} ${cell[1] || ""}`).join(" ").toLowerCase(),
    keys: row[2].map(cell => [cell[4] ?? null, cell[5] || 0]),
    anchor: row[0],
  });
  const buildRow = ([anchor, unranked, cells], heads) => {
    const tr = make("tr", unranked ? "dim" : "");
    if (unranked) tr.title = `Not ranked: ${unranked}`;
    cells.forEach(([text, note, badge, tone], at) => {
      const named = at === 1, node = make(named ? "th" : "td", named ? "" : heads[at].className + (tone ? " dim" : ""));
      if (named) {
        node.scope = "row";
        const link = make("a", "", text);
        link.href = `#${anchor}`;
        node.append(link);
      } else {
        node.dataset.l = heads[at].label;
        node.append(text);
      }
      if (badge) node.append(" ", make("span", `b b-${badge}`, badge));
      if (note) node.append(make("small", "", note));
      if (named && unranked) node.append(make("small", "why", `not ranked: ${unranked.length > 60 ? unranked.slice(0, 59) + "…" : unranked}`));
      tr.append(node);
    });
    return tr;
  };

  const board = async section => {
    if (boards.has(section.id)) return boards.get(section.id);
    const table = section.querySelector("table");
    const found = { section, table, rows: [], column: 0, down: false, limit: PAGE };
    boards.set(section.id, found);
    if (!table) return found;
    const heads = [...table.tHead.rows[0].cells];
    found.heads = heads.map(th => ({
      className: th.className,
      label: [...th.childNodes].map(part => part.textContent.trim()).filter(Boolean).join(", "),
    }));
    found.rows = [...table.tBodies[0].rows].map(servedRow);
    if (section.querySelector("noscript")) {
      found.rows.push(...((await rest())[section.id] || []).map(row => builtRow(row, found.heads)));
      found.more = section.insertBefore(make("button", "more"), section.querySelector("noscript"));
      found.more.type = "button";
      found.more.addEventListener("click", () => { found.limit += PAGE; paint(found); });
    }
    heads.forEach((th, at) => {
      const button = make("button");
      button.type = "button";
      button.append(...th.childNodes);
      th.append(button);
      button.addEventListener("click", () => sortBy(found, at));
    });
    heads[0].setAttribute("aria-sort", "ascending");
    paint(found);
    return found;
  };

  // Missing values come last either way; blocks of unlike provenance never mix.
  const compare = (column, down) => (one, other) => {
    const [a, blockA] = one.keys[column], [b, blockB] = other.keys[column];
    if (a === null || b === null) return (a === null) - (b === null);
    if (blockA !== blockB) return blockA - blockB;
    const order = typeof a === "number" && typeof b === "number"
      ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
    return down ? -order : order;
  };
  const sortBy = (found, at) => {
    found.down = found.column === at && !found.down;
    found.column = at;
    [...found.table.tHead.rows[0].cells].forEach((th, place) =>
      place === at ? th.setAttribute("aria-sort", found.down ? "descending" : "ascending") : th.removeAttribute("aria-sort"));
    found.rows.sort(compare(at, found.down));
    paint(found);
  };
  const wanted = () => by("search").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const paint = found => {
    if (!found.table) return;
    const words = wanted(), kept = found.rows.filter(row => words.every(word => row.text.includes(word)));
    found.table.tBodies[0].replaceChildren(...kept.slice(0, found.limit).map(row => row.node()));
    if (found.more) {
      found.more.hidden = kept.length <= found.limit;
      found.more.textContent = `Show more (${Math.min(found.limit, kept.length)} of ${kept.length})`;
    }
    found.kept = kept.length;
  };
  const count = () => {
    const shown = sections.filter(section => !section.hidden).map(section => boards.get(section.id)).filter(Boolean);
    const sum = name => shown.reduce((total, each) => total + (name === "kept" ? each.kept || 0 : each.rows.length), 0);
    by("found").textContent = wanted().length ? `${sum("kept")} of ${sum("rows")} results match` : "";
  };

  // One group at a time; "#all" shows them one below another, each with its own ranks.
  const show = async (anchor, scroll) => {
    const all = anchor === "all";
    sections.forEach(section => { section.hidden = !all && section.id !== anchor; });
    document.querySelectorAll("nav.groups a").forEach(link =>
      link.hash === `#${anchor}` ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"));
    for (const section of sections) if (!section.hidden) paint(await board(section));
    count();
    if (scroll) by(all ? "main" : `${anchor}-h`)?.focus({ preventScroll: true });
  };

  const dialog = by("dialog");
  // Details of a large page are made of the raw record; on a small one they are in the document already.
  const seen = text => text.replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    char => char === "\n" ? char : `⟨U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  const plain = value => {
    if (value === null || value === undefined) return "—";
    if (Array.isArray(value)) return value.map(plain).join(", ");
    if (typeof value === "object") return Object.entries(value).map(([name, each]) => `${name}: ${plain(each)}`).join("; ");
    return typeof value === "number" ? String(Number.isInteger(value) ? value : +value.toPrecision(6)) : seen(String(value));
  };
  const lines = (heading, head, rows) => {
    const table = make("table"), body = make("tbody"), wrap = make("div", "lines");
    const line = (items, header) => {
      const tr = make("tr");
      items.forEach((item, at) => {
        const cell = make(header || !at ? "th" : "td", "", item);
        if (cell.tagName === "TH") cell.scope = header ? "col" : "row";
        tr.append(cell);
      });
      return tr;
    };
    if (head) { const top = make("thead"); top.append(line(head, true)); table.append(top); }
    body.append(...rows.map(row => line(row, false)));
    table.append(body);
    wrap.append(table);
    return [make("h3", "", heading), wrap];
  };
  const evidence = (name, { value, low, high, unit, class: kind, n, ...facts }) => [name,
    `${plain(value)} ${unit || ""}${low == null ? "" : ` [${plain(low)}, ${plain(high)}]`}`, plain(kind), plain(n), plain(facts)];
  const sheetOf = record => Object.entries(record).flatMap(([name, value]) => {
    const heading = name[0].toUpperCase() + name.slice(1);
    if (value === null || value === "" || (typeof value === "object" && !Object.keys(value).length)) return [];
    if (name === "readings" || name === "ratios")
      return lines(heading, [heading.slice(0, -1), "Value, 95 % interval", "Class", "n", "How"],
        Object.entries(value).map(([each, reading]) => evidence(each, reading)));
    if (name === "detail" || name === "reproduce") return [make("h3", "", heading), make("pre", "", seen(value))];
    return lines(heading, null, typeof value === "object"
      ? Object.entries(value).map(([each, own]) => [seen(each), plain(own)]) : [[name, plain(value)]]);
  });
  const rawPart = anchor => {
    const part = make("details"), pre = make("pre", "", "…");
    part.append(make("summary", "", "Raw record (JSON)"), pre);
    part.addEventListener("toggle", once(async () => { pre.textContent = seen(JSON.stringify((await raw())[anchor], null, 2)); }));
    return part;
  };
  const open = async anchor => {
    const served = by(anchor), body = by("dialog-body");
    if (served) {
      by("dialog-title").textContent = served.querySelector("h2").textContent;
      body.replaceChildren(...[...served.cloneNode(true).children].slice(1, -1));
    } else {
      const records = await raw();
      if (!Object.hasOwn(records, anchor)) return;
      const { cell } = records[anchor];
      by("dialog-title").textContent = [cell.task, cell.recipe.map(step => step.name).join(" + ") || "none", cell.backend].map(plain).join(" · ");
      body.replaceChildren(...sheetOf(records[anchor]));
    }
    body.append(rawPart(anchor));
    if (!dialog.open) dialog.showModal();
    body.scrollTop = 0;
  };
  const homeOf = async anchor => {
    const link = [...document.querySelectorAll("section.group a")].find(each => each.hash === `#${anchor}`);
    if (link) return link.closest("section.group").id;
    const rows = await rest();
    return Object.keys(rows).find(id => rows[id].some(row => row[0] === anchor)) || config.opening;
  };
  let current = "";
  const route = async first => {
    const anchor = decodeURIComponent(location.hash.slice(1));
    if (anchor.startsWith("r-")) {
      if (!current) await show(current = await homeOf(anchor), false);
      return open(anchor);
    }
    if (dialog.open) dialog.close();
    const known = anchor === "all" || sections.some(section => section.id === anchor);
    if (!known && current) return;
    current = known ? anchor : config.opening;
    await show(current, !first);
  };

  const dark = () => root.dataset.theme === "dark" || (root.dataset.theme === "auto" && matchMedia("(prefers-color-scheme:dark)").matches);
  const theme = name => {
    if (name) root.dataset.theme = name;
    by("theme").setAttribute("aria-pressed", String(dark()));
  };
  const remember = work => { try { return work(); } catch { return null; } };  // storage may be forbidden for files
  theme(remember(() => ({ dark: "dark", light: "light" })[localStorage.getItem("theme")]));
  by("theme").addEventListener("click", () => {
    theme(dark() ? "light" : "dark");
    remember(() => localStorage.setItem("theme", root.dataset.theme));
  });
  by("search").addEventListener("input", () => {
    boards.forEach(found => { found.limit = PAGE; paint(found); });
    count();
  });
  document.querySelectorAll(".chart .mark[data-r]").forEach(mark =>
    mark.addEventListener("click", () => { location.hash = mark.dataset.r; }));
  // Not left to the browser, which would take the focus away from the link before the dialog can give it back.
  document.addEventListener("click", event => {
    const link = event.target.closest('a[href^="#r-"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, "", link.hash);
    route(false);
  });
  by("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => history.replaceState(null, "", `#${current}`));
  addEventListener("hashchange", () => route(false));
  by("tools").hidden = false;
  root.classList.add("js");
  route(true).then(() => { root.dataset.ready = "true"; });
})();
