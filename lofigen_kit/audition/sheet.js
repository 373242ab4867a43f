// The sheet: lists takes, plays them and stores decisions. Data from files is inserted as text only.

const data = JSON.parse(document.getElementById("data").textContent);
const takes = data.takes;
const numberOf = new Map(takes.map((take, number) => [take.place, number]));
const byId = (id) => document.getElementById(id);

const SEEK_S = 2;
const MOST_PLAYERS = 8;
const MOST_PARTS_PLAYERS = 2; // for A and B: each has up to 16 audio elements
const QUIETEST_LUFS = -30; // quieter takes are matched only when A and B are compared
const STORE = `lofigen-kit-audition:${data.store}`;
const SETTINGS = "lofigen-kit-audition:settings";
const DESCENDING = new Set(["stars", "rank", "flags"]);
const THEMES = ["system", "light", "dark"];

const decided = new Map(); // number -> {verdict, stars}
const undone = []; // the decisions before each change, the last one last
const state = {
  show: "all", words: [], sort: "place", descending: false, page: 0,
  view: [], current: 0, a: null, b: null, dry: false,
};
const settings = { theme: "system", single: true, loop: true, match: true, rolls: true, ...kept(SETTINGS) };
const rows = new Map(); // number -> the elements of its row, for rows on this page

// --- Storage in the browser

function kept(name) {
  try {
    return JSON.parse(localStorage.getItem(name)) || {};
  } catch {
    return {};
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

function setting(name, value) {
  settings[name] = value;
  keep(SETTINGS, settings);
}

// --- Helpers

const SHAPES = {
  play: "M4 2.5v11l9.5-5.5z",
  pause: "M3.5 2.5h3.2v11H3.5zM9.3 2.5h3.2v11H9.3z",
  yes: "M6.2 13.2 1.3 8.3l1.9-1.9 3 3 6.6-6.7 1.9 1.9z",
  no: "M3.9 2 8 6.1 12.1 2 14 3.9 9.9 8l4.1 4.1-1.9 1.9L8 9.9 3.9 14 2 12.1 6.1 8 2 3.9z",
  star: "m8 1.6 1.95 4.05 4.45.6-3.25 3.1.8 4.4L8 11.6l-3.95 2.15.8-4.4L1.6 6.25l4.45-.6z",
  up: "M7 14V5.8L3.9 8.9 2.5 7.5 8 2l5.5 5.5-1.4 1.4L9 5.8V14z",
  down: "M9 2v8.2l3.1-3.1 1.4 1.4L8 14 2.5 8.5l1.4-1.4L7 10.2V2z",
  system: "M8 1.5a6.5 6.5 0 1 0 0 13zM8 0a8 8 0 1 1 0 16A8 8 0 0 1 8 0z",
  light: "M8 4.6a3.4 3.4 0 1 1 0 6.8 3.4 3.4 0 0 1 0-6.8zM7.2 0h1.6v2.8H7.2zM7.2 13.2h1.6V16H7.2z"
    + "M0 7.2h2.8v1.6H0zM13.2 7.2H16v1.6h-2.8zM1.8 2.9l1.1-1.1 2 2-1.1 1.1zM11.1 12.2l1.1-1.1 2 2"
    + "-1.1 1.1zM1.8 13.1l2-2 1.1 1.1-2 2zM11.1 3.8l2-2 1.1 1.1-2 2z",
  roll: "M1 2h6v2.4H1zM9 2h3v2.4H9zM4 6.8h7v2.4H4zM13 6.8h2v2.4h-2zM1 11.6h3v2.4H1zM7 11.6h8v2.4H7z",
  dark: "M6.2 1a7.2 7.2 0 1 0 8.8 8.8A6 6 0 0 1 6.2 1z",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

function make(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else element.setAttribute(name, value);
  }
  element.append(...inside);
  return element;
}

function button(attributes, action, ...inside) {
  const element = make("button", { type: "button", ...attributes }, ...inside);
  element.addEventListener("click", action);
  return element;
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

const signed = (value, digits) => value.toFixed(digits).replace("-", "\u2212");
const fileOf = (take) => take.place.slice(take.place.lastIndexOf("/") + 1);
const folderOf = (take) => take.place.slice(0, take.place.lastIndexOf("/") + 1);
const nameOf = (take) => (take.title && take.number !== null ? `${take.title}, take ${take.number}` : fileOf(take));

function span(flag) {
  if (flag.start_s === null || flag.end_s === null) return flag.what;
  const digits = flag.end_s - flag.start_s < 1 ? 2 : 0;
  return `${flag.what} ${flag.start_s.toFixed(digits)}\u2013${flag.end_s.toFixed(digits)} s`;
}

let spoken = 0;
function say(text) {
  // A changing suffix makes screen readers repeat an identical message.
  byId("live").textContent = text + "\u00a0".repeat(spoken++ % 2);
}

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

// --- Decisions

const NONE = Object.freeze({ verdict: null, stars: 0 });
const decisionOf = (number) => decided.get(number) || NONE;
const isNone = (decision) => decision.verdict === null && decision.stars === 0;

function storedDecision(number) {
  return { ...decisionOf(number), audio_sha256: takes[number].audio_sha256 };
}

function document_of(numbers) {
  return {
    format: data.format,
    sheet: data.sheet,
    decisions: Object.fromEntries(numbers.map((number) => [takes[number].place, storedDecision(number)])),
  };
}

function change(changes) {
  undone.push(changes.map(([number]) => [number, decisionOf(number)]));
  apply(changes);
}

function apply(changes) {
  for (const [number, decision] of changes) {
    if (isNone(decision)) decided.delete(number);
    else decided.set(number, decision);
  }
  save(changes.map(([number]) => number));
  refresh(changes.map(([number]) => number));
}

function decide(number, part) {
  const before = decisionOf(number);
  const after = { ...before, ...part };
  change([[number, after]]);
  const stars = after.stars ? `, ${after.stars} ${after.stars === 1 ? "star" : "stars"}` : "";
  const verdict = { keep: "kept", reject: "rejected" }[after.verdict] || "open";
  say(`${fileOf(takes[number])}: ${verdict}${stars}`);
}

function toggleVerdict(number, verdict) {
  decide(number, { verdict: decisionOf(number).verdict === verdict ? null : verdict });
}

function undo() {
  const changes = undone.pop();
  if (!changes) {
    say("Nothing to undo");
    return;
  }
  apply(changes);
  const at = state.view.indexOf(changes[0][0]);
  if (at >= 0) go(at);
  say(changes.length === 1 ? `Undone: ${fileOf(takes[changes[0][0]])}` : "Import undone");
}

const unsaved = new Set();
let saving = false;

function save(numbers) {
  if (data.served) {
    for (const number of numbers) unsaved.add(number);
    send();
  } else if (!keep(STORE, document_of([...decided.keys()]))) {
    notice("This browser cannot store decisions: download them before you close this page.");
  }
}

async function send() {
  if (saving || !unsaved.size) return;
  saving = true;
  const numbers = [...unsaved];
  unsaved.clear();
  try {
    const answer = await fetch("decisions.json", {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(document_of(numbers)),
    });
    if (!answer.ok) throw new Error(await answer.text());
    notice("");
  } catch (error) {
    for (const number of numbers) unsaved.add(number);
    notice(`Decisions are not saved (${error.message}); trying again. Is the command still running?`);
    setTimeout(() => send(), 3000);
  }
  saving = false;
  if (unsaved.size && byId("notice").hidden) send();
}

function read(document) {
  // Return the changes in a document of decisions, and a text on those that were left out.
  if (document === null || document.format !== data.format || typeof document.decisions !== "object") {
    throw new Error(`the format is not "${data.format}"`);
  }
  const changes = [];
  let unknown = 0;
  let others = 0;
  for (const [place, decision] of Object.entries(document.decisions || {})) {
    const number = numberOf.get(place);
    const { verdict = null, stars = 0, audio_sha256: sha256 = null } = decision || {};
    if (![null, "keep", "reject"].includes(verdict) || !Number.isInteger(stars) || stars < 0 || stars > 5) {
      throw new Error(`the decision on ${JSON.stringify(place.slice(0, 80))} is not valid`);
    }
    if (number === undefined) unknown += 1;
    else if (sha256 && takes[number].audio_sha256 && sha256 !== takes[number].audio_sha256) others += 1;
    else changes.push([number, { verdict, stars }]);
  }
  const left = [];
  if (unknown) left.push(`${unknown} on takes that are not here`);
  if (others) left.push(`${others} on takes whose audio has changed`);
  return { changes, left: left.join(" and ") };
}

async function importFile(file) {
  try {
    if (file.size > data.mostBytes) throw new Error("the file is too large");
    const { changes, left } = read(JSON.parse(await file.text()));
    if (changes.length) change(changes);
    const text = `${changes.length} decisions imported${left ? `; left out: ${left}` : ""}`;
    notice(left ? text : "");
    say(text);
  } catch (error) {
    notice(`The decisions in this file cannot be used: ${error.message}`);
  }
}

function download() {
  const text = JSON.stringify(document_of([...decided.keys()].sort((a, b) => a - b)), null, 1);
  const url = URL.createObjectURL(new Blob([text, "\n"], { type: "application/json" }));
  make("a", { href: url, download: "decisions.json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  say(`${decided.size} decisions downloaded`);
}

async function restore() {
  let before = kept(STORE);
  if (data.served) {
    try {
      const answer = await fetch("decisions.json");
      if (!answer.ok) throw new Error(answer.statusText);
      before = await answer.json();
    } catch (error) {
      notice(`The earlier decisions cannot be read (${error.message}): reload the page.`);
      return;
    }
  }
  if (!before.format) return;
  try {
    const { changes, left } = read(before);
    for (const [number, decision] of changes) if (!isNone(decision)) decided.set(number, decision);
    if (left) notice(`Decisions left out: ${left}.`);
  } catch (error) {
    notice(`The earlier decisions cannot be used: ${error.message}`);
  }
}

// --- The list

const words = takes.map((take) => {
  const made = take.made === null ? [] : data.made[take.made].stages.map(([use]) => use);
  const flags = take.flags.map((flag) => flag.what);
  const tempo = take.tempo_bpm === null ? "" : `${+take.tempo_bpm.toFixed(2)} bpm`;
  return [take.place, take.title, take.preset, take.key, tempo, ...made, ...flags].join("\n").toLowerCase();
});
const isFlagged = (number) => takes[number].flags.length > 0 || takes[number].error !== null;
const SHOWN = {
  all: () => true,
  open: (number) => decisionOf(number).verdict === null,
  keep: (number) => decisionOf(number).verdict === "keep",
  reject: (number) => decisionOf(number).verdict === "reject",
  flagged: isFlagged,
};

function listed() {
  const has = (number) => state.words.every((word) => words[number].includes(word));
  const view = takes.map((_, number) => number).filter((number) => SHOWN[state.show](number) && has(number));
  const value = {
    place: (number) => number, // takes are sorted by place
    stars: (number) => decisionOf(number).stars,
    flags: (number) => takes[number].flags.length,
    key: (number) => takes[number].key || null,
  }[state.sort] || ((number) => takes[number][state.sort]);
  const sign = state.descending ? -1 : 1;
  return view.sort((left, right) => {
    const [x, y] = [value(left), value(right)];
    if (x === y) return left - right;
    if (x === null || y === null) return x === null ? 1 : -1; // unknown values come last
    return sign * (x < y ? -1 : 1);
  });
}

function list(follow = null) {
  state.view = listed();
  const at = follow === null ? -1 : state.view.indexOf(follow);
  if (at >= 0) state.current = at;
  state.current = Math.max(0, Math.min(state.current, state.view.length - 1));
  state.page = Math.floor(state.current / data.pageTakes);
  show();
}

function show() {
  watcher.disconnect();
  rows.clear();
  const first = state.page * data.pageTakes;
  const numbers = state.view.slice(first, first + data.pageTakes);
  byId("list").replaceChildren(...numbers.map(row));
  for (const number of numbers) {
    update(number);
    for (const canvas of picturesOf(rows.get(number))) watcher.observe(canvas);
  }
  const pages = Math.ceil(state.view.length / data.pageTakes);
  byId("pages").hidden = pages < 2;
  byId("page").textContent = `${state.page + 1} of ${pages}`;
  byId("before").disabled = state.page === 0;
  byId("after").disabled = state.page >= pages - 1;
  byId("nothing").hidden = state.view.length > 0;
  mark();
  tally();
}

function tally() {
  const count = (what) => takes.reduce((sum, _, number) => sum + SHOWN[what](number), 0);
  for (const tab of document.querySelectorAll("[data-show]")) {
    tab.querySelector("span").textContent = count(tab.dataset.show);
    tab.setAttribute("aria-pressed", String(tab.dataset.show === state.show));
  }
  const seconds = takes.reduce((sum, take) => sum + take.duration_s, 0);
  const one = takes.length === 1 ? "take" : "takes";
  byId("tally").textContent = `${takes.length} ${one} \u00b7 ${clock(seconds)} of sound \u00b7 ${decided.size} decided`;
}

function refresh(numbers) {
  const before = state.view;
  const after = listed();
  const same = before.length === after.length && new Set([...before, ...after]).size === before.length;
  if (same) {
    for (const number of numbers) update(number);
    tally();
    return;
  }
  const held = byId("list").contains(document.activeElement);
  list();
  if (held) focusRow();
}

function factsOf(take) {
  if (take.error !== null) return [];
  const music = [
    take.tempo_bpm === null ? "" : `${+take.tempo_bpm.toFixed(2)} BPM`,
    take.key,
    clock(take.duration_s),
    [take.dry === null ? "" : "with dry", take.parts.length ? "parts" : ""].filter((word) => word).join(" and "),
  ];
  const measures = [
    take.loudness_lufs === null ? "silence" : `${signed(take.loudness_lufs, 1)} LUFS`,
    take.true_peak_dbtp === null ? "" : `${signed(take.true_peak_dbtp, 1)} dBTP`,
    take.rank === null ? "" : `rank ${take.rank.toFixed(2)}`,
  ];
  return [music, measures].map((facts) => facts.filter((fact) => fact).join(" \u00b7 "));
}

function row(number) {
  const take = takes[number];
  const name = fileOf(take);
  const parts = { number };
  const choose = (action) => (event) => {
    select(number);
    action();
    // After a click the row has the focus, so that space plays instead of pressing the button.
    if (event.detail) focusRow();
  };
  parts.play = button({ class: "play" }, choose(() => toggle(number)), icon("play"));
  const heading = make("h3", { dir: "auto" }, take.title || name);
  if (take.title && take.number !== null) heading.append(make("span", {}, `take ${take.number}`));
  const about = make("div", { class: "name" }, heading);
  if (take.title || folderOf(take)) about.append(make("p", { dir: "auto" }, take.place));
  about.append(...factsOf(take).map((facts) => make("p", { dir: "auto" }, facts)));
  if (take.flags.length) {
    about.append(make("ul", { class: "flags", "aria-label": "Flags" },
      ...take.flags.map((flag) => make("li", { dir: "auto" }, span(flag)))));
  }
  let picture;
  if (take.error === null) {
    const canvas = (kind, label) => {
      const element = make("canvas", { class: kind, role: "img", "aria-label": label });
      element.dataset.number = number;
      return element;
    };
    parts.canvas = canvas("sound", `Waveform and spectrogram of ${name}`);
    if (take.roll) parts.roll = canvas("roll", `Piano roll of ${name}: ${take.roll.about}`);
    parts.head = make("div", { class: "head", hidden: "" });
    picture = make("div", { class: "picture" }, ...picturesOf(parts), parts.head);
    picture.addEventListener("click", (event) => {
      const box = picture.getBoundingClientRect();
      select(number);
      focusRow();
      play(number, ((event.clientX - box.left) / box.width) * take.duration_s);
    });
  } else {
    picture = make("p", { class: "picture error", dir: "auto" }, take.error);
  }
  parts.keep = button({ class: "verdict" }, choose(() => toggleVerdict(number, "keep")), icon("yes"), "Keep");
  parts.reject = button({ class: "verdict no" }, choose(() => toggleVerdict(number, "reject")), icon("no"), "Reject");
  parts.stars = [1, 2, 3, 4, 5].map((stars) => button(
    { "aria-label": stars === 1 ? "1 star" : `${stars} stars` },
    choose(() => decide(number, { stars: decisionOf(number).stars === stars ? 0 : stars })),
    icon("star"),
  ));
  parts.a = button({ class: "mark", "aria-label": "Compare as A" }, choose(() => setPair("a", number)), "A");
  parts.b = button({ class: "mark", "aria-label": "Compare as B" }, choose(() => setPair("b", number)), "B");
  parts.recipe = make("div", { class: "recipe", id: `recipe-${number}`, hidden: "" });
  parts.more = button(
    { class: "more", "aria-expanded": "false", "aria-controls": `recipe-${number}` },
    choose(() => expand(number)), "Recipe",
  );
  const choice = make("div", { class: "choice" },
    make("div", { role: "group", "aria-label": "Verdict" }, parts.keep, parts.reject),
    make("div", { role: "group", "aria-label": "Stars", class: "stars" }, ...parts.stars),
    make("div", {}, parts.a, parts.b, ...(take.recipe ? [parts.more] : [])),
  );
  parts.row = make("li", { class: "take", tabindex: "-1" }, parts.play, about, picture, choice, parts.recipe);
  parts.row.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("button, summary, pre")) select(number);
  });
  rows.set(number, parts);
  return parts.row;
}

const picturesOf = (parts) => [parts.canvas, parts.roll].filter((canvas) => canvas);

function update(number) {
  const parts = rows.get(number);
  if (!parts) return;
  const { verdict, stars } = decisionOf(number);
  const pressed = (element, is) => element.setAttribute("aria-pressed", String(is));
  parts.row.classList.toggle("keep", verdict === "keep");
  parts.row.classList.toggle("reject", verdict === "reject");
  pressed(parts.keep, verdict === "keep");
  pressed(parts.reject, verdict === "reject");
  parts.stars.forEach((star, index) => pressed(star, index < stars));
  pressed(parts.a, state.a === number);
  pressed(parts.b, state.b === number);
  const on = deck.number === number && isPlaying();
  parts.play.classList.toggle("on", on);
  parts.play.setAttribute("aria-label", `${on ? "Pause" : "Play"} ${fileOf(takes[number])}`);
  parts.play.replaceChildren(icon(on ? "pause" : "play"));
  if (parts.head) parts.head.hidden = deck.number !== number;
}

function expand(number) {
  const { recipe, more } = rows.get(number);
  const take = takes[number];
  if (!take.recipe) return;
  if (!recipe.firstChild) {
    const made = take.made === null ? { stages: [], text: "" } : data.made[take.made];
    recipe.append(make("ol", { class: "chain", "aria-label": "Chain" }, ...made.stages.map(([use, fields]) => (
      make("li", { dir: "auto" }, make("strong", {}, use), make("span", {}, fields))))));
    const all = make("pre", { tabindex: "0", dir: "auto", "aria-label": "Recipe" }, `${take.recipe}\n${made.text}`);
    recipe.append(make("details", {}, make("summary", {}, "All of it"), all));
  }
  recipe.hidden = !recipe.hidden;
  more.setAttribute("aria-expanded", String(!recipe.hidden));
  if (!recipe.hidden) recipe.scrollIntoView({ block: "nearest" });
}

// --- Which take the keys are about

const currentNumber = () => state.view[state.current];

function mark() {
  for (const parts of rows.values()) {
    if (parts.number === currentNumber()) parts.row.setAttribute("aria-current", "true");
    else parts.row.removeAttribute("aria-current");
  }
  showDeck();
}

function select(number) {
  const at = state.view.indexOf(number);
  if (at < 0) return;
  state.current = at;
  mark();
}

function go(at) {
  if (!state.view.length) return;
  state.current = Math.max(0, Math.min(at, state.view.length - 1));
  const page = Math.floor(state.current / data.pageTakes);
  if (page === state.page) mark();
  else {
    state.page = page;
    show();
  }
  focusRow();
}

function focusRow() {
  const parts = rows.get(currentNumber());
  if (!parts) return;
  parts.row.focus({ preventScroll: true });
  parts.row.scrollIntoView({ block: "nearest" });
}

function move(by) {
  go(state.current + by);
  if (isPlaying() && currentNumber() !== deck.number) play(currentNumber(), 0);
}

function turn(by) {
  const pages = Math.ceil(state.view.length / data.pageTakes);
  const page = Math.max(0, Math.min(state.page + by, pages - 1));
  if (page === state.page) return;
  go(page * data.pageTakes);
  say(`Page ${page + 1} of ${pages}`);
}

// --- Playing

const deck = { number: null, player: null };
const players = new Map(); // address -> audio element, the one used last at the end

const isPlaying = () => deck.player !== null && !deck.player.paused;
const hasDry = (number) => number !== null && number !== undefined && takes[number].dry !== null;
const soundOf = (number) => (hasDry(number) && (state.dry || byParts(number)) ? takes[number].dry : takes[number]);

function playerOf(number) {
  const parts = byParts(number) ? partsOf(number) : null;
  const url = parts ? `${takes[number].url}#parts` : soundOf(number).url;
  let player = players.get(url);
  players.delete(url);
  if (!player) {
    player = parts ? new PartsPlayer(parts) : new Audio();
    if (!parts) {
      player.preload = "auto";
      player.src = url;
    }
    for (const event of ["play", "pause", "ended"]) player.addEventListener(event, () => heard(player));
    player.addEventListener("timeupdate", () => { if (player === deck.player) place(); });
    player.addEventListener("error", () => {
      if (player === deck.player) notice(`${fileOf(takes[deck.number])} cannot be played in this browser.`);
    });
  }
  players.set(url, player);
  const isParts = (one) => one instanceof PartsPlayer;
  release(player, isParts, MOST_PARTS_PLAYERS);
  release(player, (one) => !isParts(one), MOST_PLAYERS);
  return player;
}

function release(kept, isOne, most) {
  // Free the players of one kind that were used longest ago.
  const old = [...players].filter(([, player]) => isOne(player));
  for (const [url, player] of old.slice(0, Math.max(0, old.length - most))) {
    if (player === deck.player || player === kept) continue;
    players.delete(url);
    if (player instanceof PartsPlayer) player.release();
    else {
      player.removeAttribute("src");
      player.load();
    }
  }
}

const levels = takes.flatMap((take) => [take, take.dry || take])
  .map((sound) => sound.loudness_lufs).filter((level) => level !== null);
const quietest = Math.max(QUIETEST_LUFS, levels.reduce((least, level) => Math.min(least, level), 0));

function gainDb(number) {
  // Only turns down, because a player cannot raise the volume above 1.
  const level = soundOf(number).loudness_lufs;
  if (!settings.match || level === null) return 0;
  let target = quietest;
  if (state.a !== null && state.b !== null && (number === state.a || number === state.b)) {
    for (const one of [state.a, state.b]) target = Math.min(target, soundOf(one).loudness_lufs ?? 0);
  }
  return Math.min(0, target - level);
}

function play(number, fromS = null) {
  const before = deck.player;
  const player = playerOf(number);
  if (before && before !== player) before.pause();
  deck.number = number;
  deck.player = player;
  if (fromS !== null) player.currentTime = fromS;
  level();
  const started = player.play();
  if (started) started.catch((error) => {
    if (error.name !== "AbortError") notice(`${fileOf(takes[number])} cannot be played (${error.message})`);
  });
  for (const one of rows.keys()) update(one);
  showDeck();
  follow();
}

function toggle(number) {
  if (number === undefined) return;
  if (deck.number === number && isPlaying()) {
    deck.player.pause();
    say("Paused");
  } else {
    play(number, deck.number === number ? null : 0);
    say(`Playing ${fileOf(takes[number])}`);
  }
}

function level() {
  if (deck.player === null) return;
  deck.player.loop = settings.loop;
  deck.player.volume = 10 ** (gainDb(deck.number) / 20);
  if (deck.player instanceof PartsPlayer) deck.player.hear((name) => isPartHeard(deck.number, name));
}

function exchange(number) {
  // Continue with another sound at the same position.
  const fromS = deck.player ? deck.player.currentTime : 0;
  const wasPlaying = isPlaying();
  play(number, fromS);
  if (!wasPlaying) deck.player.pause();
}

function compare() {
  if (state.a === null || state.b === null) {
    say("Choose A and B first");
    return;
  }
  const next = deck.number === state.a ? state.b : state.a;
  const fromS = [state.a, state.b].includes(deck.number) ? deck.player.currentTime : 0;
  play(next, fromS);
  if (state.view.includes(next)) go(state.view.indexOf(next));
  say(`${next === state.a ? "A" : "B"}: ${fileOf(takes[next])}`);
}

function setPair(which, number) {
  const other = which === "a" ? "b" : "a";
  const before = state[which];
  state[which] = before === number ? null : number;
  if (state[other] === number) state[other] = null;
  if (state[which] !== null) playerOf(number); // load it in advance
  for (const one of [before, number]) if (one !== null) update(one);
  level();
  showDeck();
  const name = which.toUpperCase();
  say(state[which] === null ? `${name} is free` : `${name} is ${fileOf(takes[number])}`);
}

function toggleDry() {
  const number = deck.number ?? currentNumber();
  if (!hasDry(number) && !hasDry(currentNumber())) {
    say("This take has no dry sound");
    return;
  }
  if (byParts(number)) {
    say("Parts are heard before the effects");
    return;
  }
  state.dry = !state.dry;
  if (deck.number !== null) exchange(deck.number);
  showDeck();
  say(state.dry ? "Dry" : "Processed");
}

function toggleSetting(name, on, off) {
  setting(name, !settings[name]);
  level();
  showDeck();
  say(settings[name] ? on : off);
}

function seekBy(seconds) {
  if (deck.player === null) return;
  const end = takes[deck.number].duration_s || deck.player.duration || 0;
  deck.player.currentTime = Math.max(0, Math.min(deck.player.currentTime + seconds, end));
  place();
}

function heard(player) {
  if (player !== deck.player) return;
  update(deck.number);
  showDeck();
  follow();
}

function place() {
  const { player, number } = deck;
  if (player === null) return;
  const length = player.duration || soundOf(number).duration_s || takes[number].duration_s;
  const share = length ? Math.min(player.currentTime / length, 1) : 0;
  byId("time").textContent = `${clock(player.currentTime)} / ${clock(length)}`;
  if (document.activeElement !== byId("seek") || isPlaying()) byId("seek").value = Math.round(1000 * share);
  byId("seek").setAttribute("aria-valuetext", `${clock(player.currentTime)} of ${clock(length)}`);
  const parts = rows.get(number);
  if (parts && parts.head) parts.head.style.left = `${100 * share}%`;
}

const still = matchMedia("(prefers-reduced-motion: reduce)");
let following = false;
function follow() {
  place();
  if (following || still.matches) return; // `timeupdate` moves it four times a second
  following = true;
  const step = () => {
    place();
    following = isPlaying();
    if (following) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

function showDeck() {
  const number = deck.number ?? currentNumber();
  const on = isPlaying();
  byId("play").replaceChildren(icon(on ? "pause" : "play"));
  byId("play").setAttribute("aria-label", on ? "Pause" : "Play");
  byId("play").classList.toggle("on", on);
  byId("play").disabled = number === undefined;
  byId("title").textContent = number === undefined ? "No take selected" : nameOf(takes[number]);
  const press = (id, is) => byId(id).setAttribute("aria-pressed", String(is));
  press("loop", settings.loop);
  press("match", settings.match);
  press("dry", state.dry);
  byId("dry").disabled = byParts(number) || (!state.dry && !hasDry(number));
  byId("compare").disabled = state.a === null || state.b === null;
  const side = { [state.a]: "A", [state.b]: "B" }[deck.number];
  byId("ab").textContent = side && !byId("compare").disabled ? `Hear ${side === "A" ? "B" : "A"}` : "A/B";
  const gain = deck.number === null ? 0 : gainDb(deck.number);
  byId("gain").textContent = settings.match && gain < -0.05 ? `${signed(gain, 1)} dB` : "";
  showParts(number);
  if (deck.player === null && number !== undefined) byId("time").textContent = `0:00 / ${clock(takes[number].duration_s)}`;
}

// --- Pictures

const probe = byId("live");
let colours = {};

function rgb(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
}

function readColours() {
  colours = Object.fromEntries([
    "low", "mid", "high", "faint", "loud", "accent", "ink", "dim", "line", "edge",
  ].map((name) => [name, rgb(name)]));
}

const mix = (x, y, share) => x.map((value, index) => Math.round(value + (y[index] - value) * share));
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

function draw(canvas) {
  const take = takes[canvas.dataset.number];
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width || !height) return;
  if (canvas.className === "roll") drawRoll(canvas, take.roll, width, height);
  else drawSound(prepare(canvas, width, height), take, width, height);
}

function prepare(canvas, width, height) {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return pen;
}

function drawSound(pen, take, width, height) {
  const tall = Math.round(height * 0.56);
  drawWave(pen, bytes(take.wave), width, tall);
  drawSpectrum(pen, bytes(take.spectrum), width, tall + 4, height - tall - 4);
  pen.fillStyle = `rgb(${colours.accent})`;
  for (const flag of take.flags) {
    if (flag.start_s === null || flag.end_s === null || !take.duration_s) continue;
    const [from, to] = [flag.start_s, flag.end_s].map((s) => (s / take.duration_s) * width);
    pen.fillRect(from, tall, Math.max(to - from, 2), 2);
  }
}

function drawWave(pen, wave, width, height) {
  const count = Math.max(1, Math.min(data.columns, Math.floor(width / 3)));
  const pitch = width / count;
  for (let bar = 0; bar < count; bar += 1) {
    const first = Math.floor((bar * data.columns) / count);
    const last = Math.max(first + 1, Math.floor(((bar + 1) * data.columns) / count));
    let [peak, power, centre, weight] = [0, 0, 0, 0];
    for (let column = first; column < last; column += 1) {
      const [top, rms, mid, high] = wave.subarray(4 * column, 4 * column + 4);
      peak = Math.max(peak, top);
      power += rms * rms;
      centre += (rms + 1) * (mid / 2 + high);
      weight += (rms + 1) * 255;
    }
    const rms = Math.sqrt(power / (last - first));
    const share = 2 * (centre / weight);
    const colour = share < 1 ? mix(colours.low, colours.mid, share) : mix(colours.mid, colours.high, share - 1);
    for (const [size, opacity] of [[peak, 0.4], [rms, 1]]) {
      const tall = Math.max(1, (size / 255) ** 0.8 * height);
      pen.fillStyle = `rgba(${colour}, ${opacity})`;
      pen.beginPath();
      pen.roundRect(bar * pitch, (height - tall) / 2, Math.max(1, pitch - 1), tall, 1);
      pen.fill();
    }
  }
}

function drawSpectrum(pen, spectrum, width, top, height) {
  const image = new ImageData(data.columns, data.rows);
  for (let at = 0; at < data.columns * data.rows; at += 1) {
    const pair = spectrum[at >> 1];
    const share = (at % 2 ? pair & 15 : pair >> 4) / 15;
    image.data.set([...mix(colours.faint, colours.loud, share), Math.round(255 * share ** 1.3)], 4 * at);
  }
  const small = new OffscreenCanvas(data.columns, data.rows);
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(small, 0, top, width, height);
}

const FIRST_DRUM = 128;
const PARTS = ["low", "mid", "high", "accent"]; // the colours of bass, keys, lead and all others
const STRIP = 14;
const STROKE = 4;

async function unpack(roll) {
  // Return the events of a roll; how they are packed is said in rolls.py.
  if (!roll.unpacked) {
    const stream = new Blob([bytes(roll.events)]).stream().pipeThrough(new DecompressionStream("deflate"));
    const table = new Uint8Array(await new Response(stream).arrayBuffer());
    const at = (row, number) => table[row * roll.count + number];
    let column = 0;
    roll.unpacked = Array.from({ length: roll.count }, (_, number) => {
      column += 256 * at(0, number) + at(1, number);
      const look = at(5, number);
      return {
        from: column / roll.columns,
        length: (256 * at(2, number) + at(3, number)) / roll.columns,
        row: at(4, number),
        part: look >> 4,
        loudness: (look & 15) / 15,
      };
    });
  }
  return roll.unpacked;
}

async function drawRoll(canvas, roll, width, height) {
  const events = await unpack(roll);
  const pen = prepare(canvas, width, height);
  const top = roll.sections.length ? STRIP : 0;
  const drums = height - STROKE * roll.drums.length;
  const tall = (drums - top - 4) / Math.max(roll.high - roll.low + 1, 12);
  drawBars(pen, roll, width, top, height);
  for (const { from, length, row, part, loudness } of events) {
    pen.globalAlpha = 0.35 + 0.65 * loudness;
    const left = from * width;
    if (row >= FIRST_DRUM) {
      pen.fillStyle = `rgb(${colours.ink})`;
      pen.fillRect(left, drums + STROKE * roll.drums.indexOf(row), Math.min(2, Math.max(1, width / 300)), STROKE - 1);
    } else {
      pen.fillStyle = `rgb(${colours[PARTS[part]]})`;
      pen.fillRect(left, top + (roll.high - row) * tall, Math.max(length * width - 0.5, 1), Math.max(tall - 0.4, 2));
    }
  }
  pen.globalAlpha = 1;
}

function drawBars(pen, roll, width, top, height) {
  let every = 1;
  while (every * roll.bar * width < 8) every *= 2;
  pen.fillStyle = `rgb(${colours.line})`;
  for (let bar = every; bar * roll.bar < 1; bar += every) pen.fillRect(bar * roll.bar * width, top, 1, height - top);
  pen.font = `${width < 500 ? 10 : 11}px system-ui, sans-serif`;
  pen.textBaseline = "top";
  roll.sections.forEach(([from, name], number) => {
    const end = number + 1 < roll.sections.length ? roll.sections[number + 1][0] : 1;
    const room = (end - from) * width - 4;
    let text = name;
    while (text && pen.measureText(text).width > room) text = text.slice(0, -1);
    pen.fillStyle = `rgb(${colours.edge})`;
    if (number) pen.fillRect(from * width, 0, 1, height);
    pen.fillStyle = `rgb(${colours.dim})`;
    pen.fillText(text, from * width + (number ? 3 : 0), 1);
  });
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    entry.target.dataset.seen = entry.isIntersecting ? "yes" : "";
    if (entry.isIntersecting && !entry.target.dataset.drawn) {
      draw(entry.target);
      entry.target.dataset.drawn = "yes";
    }
  }
}, { rootMargin: "300px" });

function redraw() {
  readColours();
  for (const canvas of [...rows.values()].flatMap(picturesOf)) {
    canvas.dataset.drawn = canvas.dataset.seen;
    if (canvas.dataset.seen) draw(canvas);
  }
}

function setTheme(theme) {
  setting("theme", THEMES.includes(theme) ? theme : "system");
  if (settings.theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = settings.theme;
  byId("theme").replaceChildren(icon(settings.theme));
  byId("theme").setAttribute("aria-label", `Theme: ${settings.theme === "system" ? "as the system" : settings.theme}`);
  redraw();
}

const hasRolls = takes.some((take) => take.roll);

function showRolls(shown) {
  setting("rolls", shown);
  document.documentElement.dataset.rolls = shown ? "yes" : "no";
  byId("rolls").setAttribute("aria-pressed", String(shown));
}

function toggleRolls() {
  if (!hasRolls) {
    say("No take here has its score");
    return;
  }
  showRolls(!settings.rolls);
  say(settings.rolls ? "Piano rolls shown" : "Piano rolls hidden");
}

// --- Keys

const KEYS = {
  " ": () => toggle(currentNumber()),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  n: () => move(1),
  p: () => move(-1),
  Home: () => go(0),
  End: () => go(state.view.length - 1),
  ArrowLeft: () => seekBy(-SEEK_S),
  ArrowRight: () => seekBy(SEEK_S),
  k: (number) => toggleVerdict(number, "keep"),
  x: (number) => toggleVerdict(number, "reject"),
  K: (number) => decideAndGoOn(number, "keep"),
  X: (number) => decideAndGoOn(number, "reject"),
  0: (number) => decide(number, NONE),
  u: () => undo(),
  a: (number) => setPair("a", number),
  b: (number) => setPair("b", number),
  c: () => compare(),
  d: () => toggleDry(),
  l: () => toggleSetting("loop", "Loop on", "Loop off"),
  m: () => toggleSetting("match", "Loudness matched", "Loudness as it is"),
  r: (number) => expand(number),
  s: () => toggleRolls(),
  t: () => toggleDigits(),
  "[": () => turn(-1),
  "]": () => turn(1),
  "/": () => byId("filter").focus(),
  "?": () => byId("keys").showModal(),
};
for (let stars = 1; stars <= 5; stars += 1) KEYS[stars] = (number) => decide(number, { stars });
const WITHOUT_TAKE = new Set(["u", "c", "d", "l", "m", "s", "t", "/", "?"]);

function decideAndGoOn(number, verdict) {
  decide(number, { verdict });
  if (currentNumber() === number) move(1); // otherwise it has left the list, and the next take is current
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { target, key } = event;
  const action = partActionOf(event) || (Object.hasOwn(KEYS, key) && KEYS[key]);
  if (byId("keys").open || !action) return;
  const isButton = target.closest("button, summary, label");
  if (target.closest("input[type=search], select, pre")) return;
  if (target.closest("input[type=range]") && key.startsWith("Arrow")) return;
  if (isButton && key === " ") return;
  if (!settings.single && key.length === 1 && key !== " ") return;
  if (currentNumber() === undefined && !WITHOUT_TAKE.has(key)) return;
  event.preventDefault();
  action(currentNumber());
}

// --- Begin

function listen() {
  document.addEventListener("keydown", onKey);
  const on = (id, event, action) => byId(id).addEventListener(event, action);
  on("play", "click", () => toggle(deck.number ?? currentNumber()));
  on("compare", "click", compare);
  on("dry", "click", toggleDry);
  on("digits", "click", toggleDigits);
  on("whole", "click", hearWhole);
  on("loop", "click", KEYS.l);
  on("match", "click", KEYS.m);
  on("seek", "input", () => {
    if (deck.player === null) return;
    deck.player.currentTime = (byId("seek").value / 1000) * (deck.player.duration || takes[deck.number].duration_s);
    place();
  });
  on("download", "click", download);
  on("import", "click", () => byId("file").click());
  on("file", "change", async () => {
    if (byId("file").files.length) await importFile(byId("file").files[0]);
    byId("file").value = "";
  });
  on("theme", "click", () => setTheme(THEMES[(THEMES.indexOf(settings.theme) + 1) % THEMES.length]));
  on("rolls", "click", toggleRolls);
  on("help", "click", () => byId("keys").showModal());
  on("close", "click", () => byId("keys").close());
  on("single", "change", () => setting("single", byId("single").checked));
  on("filter", "input", () => {
    state.words = byId("filter").value.toLowerCase().split(/\s+/).filter((word) => word);
    list(currentNumber());
    say(`${state.view.length} takes`);
  });
  on("filter", "keydown", (event) => {
    if (event.key !== "Escape" && event.key !== "Enter") return;
    event.preventDefault();
    focusRow();
  });
  on("sort", "change", () => sortBy(byId("sort").value, DESCENDING.has(byId("sort").value)));
  on("direction", "click", () => sortBy(state.sort, !state.descending));
  on("before", "click", () => turn(-1));
  on("after", "click", () => turn(1));
  on("clear", "click", () => {
    byId("filter").value = "";
    state.words = [];
    state.show = "all";
    list();
    focusRow();
  });
  for (const tab of document.querySelectorAll("[data-show]")) {
    tab.addEventListener("click", () => {
      state.show = tab.dataset.show;
      list(currentNumber());
      say(`${state.view.length} takes`);
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  // Decisions in another window of this sheet, or a delayed event of this one.
  addEventListener("storage", async (event) => {
    if (event.key !== STORE || data.served) return;
    decided.clear();
    await restore();
    list(currentNumber());
  });
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 100);
  });
}

function sortBy(sort, descending) {
  state.sort = sort;
  state.descending = descending;
  byId("direction").replaceChildren(icon(descending ? "down" : "up"));
  byId("direction").setAttribute("aria-label", `Sort: ${descending ? "descending" : "ascending"}`);
  list(currentNumber());
}

async function begin() {
  byId("single").checked = settings.single;
  await restore();
  listen();
  setTheme(settings.theme);
  byId("rolls").hidden = !hasRolls;
  byId("rolls").replaceChildren(icon("roll"));
  showRolls(settings.rolls);
  sortBy("place", false);
  document.documentElement.dataset.ready = "yes";
}

begin();
