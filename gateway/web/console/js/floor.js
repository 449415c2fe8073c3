/** The board of live calls. Only the rows in sight are elements; they are re-used, and changed once a frame at most. */

import { el, setAttribute, setText } from "./dom.js";
import { COLUMNS, filtered, sorted, teamsOf } from "./boardlist.js";
import { BoardRow, ROW_PX } from "./boardrow.js";
import { everyFrame } from "./frames.js";

const SPARE_ROWS = 4;

export function openFloor({ house, go, onair }) {
  const wanted = { text: "", team: "", only: "", column: "attention", down: false };
  let list = [];
  let order = new Map();
  let selected = null;
  let stale = true;
  const rows = new Map();
  const free = [];

  const search = el("input", { type: "search", size: 26, placeholder: "Advisor, extension or team", "aria-label": "Search the calls", oninput: () => want({ text: search.value.trim().toLowerCase() }) });
  const team = el("select", { "aria-label": "Team", onchange: () => want({ team: team.value }) });
  const only = el(
    "select",
    { "aria-label": "Which calls", onchange: () => want({ only: only.value }) },
    el("option", { value: "", text: "All calls" }),
    el("option", { value: "alert", text: "With an alert" }),
    el("option", { value: "supervised", text: "With a supervisor" }),
    el("option", { value: "alone", text: "Without a supervisor" }),
  );
  const count = el("p", { class: "count", role: "status" });
  const headings = COLUMNS.map((column) =>
    el("div", { role: "columnheader", class: `cell ${column.name}` }, column.sort ? el("button", { type: "button", text: column.title, onclick: () => sortBy(column.name) }) : column.title),
  );
  const body = el("div", { role: "rowgroup", class: "board-body" });
  const empty = el("p", { class: "empty", text: "No calls." });
  const head = el("div", { role: "row", class: "board-row headings", "aria-rowindex": "1" }, headings);
  const scroller = el("div", { class: "board-scroll" }, el("div", { role: "rowgroup", class: "board-head" }, head), body, empty);
  const grid = el(
    "div",
    { role: "grid", class: "board", tabindex: "0", "aria-label": "Live calls", onkeydown: onKey },
    scroller,
  );
  scroller.addEventListener("scroll", () => (stale = true), { passive: true });

  function want(changes) {
    Object.assign(wanted, changes);
    stale = true;
  }

  function sortBy(column) {
    want(wanted.column === column ? { down: !wanted.down } : { column, down: false });
  }

  function relist() {
    list = sorted(filtered([...house.calls.values()], wanted), wanted);
    order = new Map(list.map((call, index) => [call.id, index]));
    const teams = teamsOf(house.calls.values());
    const options = ["", ...teams];
    if ([...team.options].map((option) => option.value).join("\n") !== options.join("\n")) {
      team.replaceChildren(...options.map((name) => el("option", { value: name, text: name || "All teams", selected: name === wanted.team })));
    }
    setText(count, list.length === house.calls.size ? `${list.length} ${list.length === 1 ? "call" : "calls"}` : `${list.length} of ${house.calls.size} calls`);
    setAttribute(grid, "aria-rowcount", list.length + 1);
    empty.hidden = list.length > 0;
    setText(empty, house.calls.size ? "No call fits what you are looking for." : "No calls at the moment. They appear here as they come in.");
    body.style.height = `${list.length * ROW_PX}px`;
    headings.forEach((heading, index) => {
      const { name, sort } = COLUMNS[index];
      if (sort) setAttribute(heading, "aria-sort", name === wanted.column ? (wanted.down ? "descending" : "ascending") : "none");
    });
  }

  /** How much of the rows is in sight [px], below the headings. */
  const height = () => scroller.clientHeight - head.offsetHeight;

  /** Bring the elements in line with what is in sight; rows that left it are handed on. */
  function place() {
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW_PX) - SPARE_ROWS);
    const last = Math.min(list.length, Math.ceil((scroller.scrollTop + height()) / ROW_PX) + SPARE_ROWS);
    const seen = new Set(list.slice(first, last).map((call) => call.id));
    for (const [id, row] of rows) {
      if (seen.has(id)) continue;
      rows.delete(id);
      row.hide();
      free.push(row);
    }
    for (let index = first; index < last; index += 1) {
      const call = list[index];
      let row = rows.get(call.id);
      if (!row) {
        row = free.pop() ?? new BoardRow(body, { open, select });
        rows.set(call.id, row);
      }
      row.place(call, index);
      row.show(call, house.talk.get(call.id), call.id === onair.call ? onair.mode : null);
      row.select(call.id === selected);
    }
    setAttribute(grid, "aria-activedescendant", rows.get(selected)?.element.id);
  }

  function open(id) {
    go(`#/call/${encodeURIComponent(id)}`);
  }

  function select(id) {
    selected = id;
    stale = true;
  }

  function onKey(event) {
    if (event.target !== grid) return;
    const page = Math.max(1, Math.floor(height() / ROW_PX) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -list.length, End: list.length }[event.key];
    if (step !== undefined && list.length) {
      event.preventDefault();
      const from = order.get(selected) ?? (step > 0 ? -1 : list.length);
      const to = Math.max(0, Math.min(list.length - 1, from + step));
      selected = list[to].id;
      const top = to * ROW_PX;
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      else if (top + ROW_PX > scroller.scrollTop + height()) scroller.scrollTop = top + ROW_PX - height();
      stale = true;
    } else if (event.key === "Enter" && order.has(selected)) open(selected);
  }

  const touched = new Set();
  const unwatch = [
    house.watch((changed) => {
      if (changed.whole || (!changed.talk && changed.calls.size)) stale = true;
      else for (const id of changed.calls) touched.add(id);
    }),
    onair.watch(() => (stale = true)),
    everyFrame((_, aSecondOn) => {
      if (stale) {
        stale = false;
        relist();
        place();
      } else {
        for (const id of touched) if (house.calls.has(id)) rows.get(id)?.show(house.calls.get(id), house.talk.get(id), id === onair.call ? onair.mode : null);
      }
      touched.clear();
      if (aSecondOn) for (const row of rows.values()) row.tick();
    }),
  ];
  const resized = new ResizeObserver(() => (stale = true));
  resized.observe(scroller);

  return {
    title: "Floor",
    element: el("section", { class: "floor", "aria-label": "Floor" }, el("header", { class: "tools" }, el("h1", { text: "Floor" }), search, team, only, count), grid),
    focus: () => grid.focus(),
    close() {
      resized.disconnect();
      unwatch.forEach((end) => end());
    },
  };
}
