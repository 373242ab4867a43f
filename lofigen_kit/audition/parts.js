"use strict";
// The parts of takes: one audio element for each, kept in step, and the row that mutes them.

const MOST_DRIFT_S = 0.02;
const WATCH_MS = 100;
const REST_MS = 1000; // after parts were put in step, they are left alone for so long
// A mute turns a part down to -140 dB: Chromium plays what is muted, or at 0, by another clock, some
// 40 ms off the others. Browsers that do not let a page set the volume get `muted`.
const SILENCE = 1e-7;
const canSetVolume = (() => {
  const element = new Audio();
  element.volume = 0.5;
  return element.volume === 0.5;
})();

class PartsPlayer extends EventTarget {
  // Plays parts together, and has what the sheet uses of an audio element. The longest is the clock.
  constructor(parts) {
    super();
    this.names = parts.map(({ name }) => name);
    this.elements = parts.map(({ url }) => this.#load(url));
    this.clock = this.elements[0];
    this.loop = false;
    this.paused = true;
    this.seeking = false;
    this.volume = 1;
    this.atS = 0;
    this.turn = 0; // counts the seeks, so that an earlier one does not end a later one
    this.inStep = 0;
  }

  #load(url) {
    const element = new Audio();
    element.preload = "auto";
    element.src = url;
    element.addEventListener("error", () => this.#fail());
    element.addEventListener("timeupdate", () => {
      if (element === this.clock) this.#tell("timeupdate");
    });
    element.addEventListener("ended", () => {
      if (element === this.clock && !this.paused && !this.seeking) this.#end();
    });
    return element;
  }

  get currentTime() {
    return this.seeking ? this.atS : this.clock.currentTime;
  }

  set currentTime(atS) {
    this.#seek(atS);
  }

  get duration() {
    return this.clock.duration;
  }

  get readyState() {
    return Math.min(...this.elements.map((element) => element.readyState));
  }

  hear(isHeard) {
    this.elements.forEach((element, index) => {
      const heard = isHeard(this.names[index]);
      element.volume = heard ? this.volume : SILENCE;
      element.muted = !heard && !canSetVolume;
    });
  }

  async play() {
    if (!this.paused) return;
    if (this.elements.some((element) => element.error)) {
      this.#fail();
      return;
    }
    this.paused = false;
    this.watch = setInterval(() => this.#keepStep(), WATCH_MS);
    this.#tell("play");
    if (!this.seeking) await this.#seek(this.clock.ended ? 0 : this.clock.currentTime);
  }

  pause() {
    if (this.paused) return;
    this.#stop();
    this.#tell("pause");
  }

  release() {
    this.#stop();
    this.turn += 1;
    for (const element of this.elements) {
      element.removeAttribute("src");
      element.load();
    }
  }

  #tell(what) {
    this.dispatchEvent(new Event(what));
  }

  #stop() {
    this.paused = true;
    clearInterval(this.watch);
    for (const element of this.elements) element.pause();
  }

  #fail() {
    if (!this.elements.some((element) => element.hasAttribute("src"))) return; // released
    this.pause();
    this.#tell("error");
  }

  #end() {
    if (this.loop) {
      this.#seek(0);
      return;
    }
    this.#stop();
    this.#tell("ended");
  }

  async #seek(atS) {
    // All stop, go there, wait for the last one, and start together.
    const turn = ++this.turn;
    this.seeking = true;
    this.atS = atS;
    for (const element of this.elements) element.pause();
    await Promise.all(this.elements.map((element) => until(element, () => element.readyState > 0)));
    if (turn !== this.turn) return;
    this.clock = this.elements.reduce((one, other) => (other.duration > one.duration ? other : one));
    this.atS = Math.max(0, Math.min(atS, this.clock.duration));
    for (const element of this.elements) element.currentTime = this.atS;
    await Promise.all(this.elements.map((element) => until(element, () => (
      !element.seeking && (element.readyState > 2 || this.#isOver(element))))));
    if (turn !== this.turn) return;
    this.seeking = false;
    this.inStep = performance.now();
    if (this.paused) return;
    const started = this.elements.filter((element) => !this.#isOver(element)).map((element) => element.play());
    try {
      await Promise.all(started);
    } catch (error) {
      if (error.name === "AbortError") return; // paused meanwhile
      this.pause();
      throw error;
    }
  }

  #isOver(element) {
    return this.atS >= element.duration && element !== this.clock;
  }

  #keepStep() {
    if (this.seeking || performance.now() - this.inStep < REST_MS) return;
    if (this.drift > MOST_DRIFT_S) this.#seek(this.clock.currentTime);
  }

  get drift() {
    // The greatest distance of a part from the clock, in seconds; parts that are over have none.
    const now = this.clock.currentTime;
    const going = this.elements.filter((element) => !element.ended && now < element.duration - MOST_DRIFT_S);
    return going.reduce((most, element) => Math.max(most, Math.abs(element.currentTime - now)), 0);
  }
}

function until(element, isSo) {
  return new Promise((resolve) => {
    if (isSo()) {
      resolve();
      return;
    }
    const events = ["loadedmetadata", "seeked", "canplay", "ended"];
    const look = () => {
      if (!isSo()) return;
      for (const event of events) element.removeEventListener(event, look);
      resolve();
    };
    for (const event of events) element.addEventListener(event, look);
  });
}

// --- What is muted, by the names of parts, so that it stays so from take to take

const muted = new Set();
const soloed = new Set();
let digitsMute = false;

const partsOf = (number) => (number === undefined || number === null ? [] : takes[number].parts);
const isSoloed = (number) => partsOf(number).some(({ name }) => soloed.has(name));
const isPartHeard = (number, name) => (isSoloed(number) ? soloed.has(name) : !muted.has(name));
const byParts = (number) => isSoloed(number) || partsOf(number).some(({ name }) => muted.has(name));
const shownNumber = () => deck.number ?? currentNumber();

function togglePart(index, chosen, other) {
  const part = partsOf(shownNumber())[index];
  if (!part) {
    say(`There is no part ${index + 1}`);
    return;
  }
  const { name } = part;
  other.delete(name);
  if (!chosen.delete(name)) chosen.add(name);
  const words = chosen === muted ? ["muted", "not muted"] : ["alone", "no longer alone"];
  const what = `${name} ${words[chosen.has(name) ? 0 : 1]}`;
  changeParts(byParts(shownNumber()) ? `${what}; parts are heard before the effects` : `${what}; the finished take`);
}

const toggleMute = (index) => togglePart(index, muted, soloed);
const toggleSolo = (index) => togglePart(index, soloed, muted);

function hearWhole() {
  muted.clear();
  soloed.clear();
  changeParts("The finished take");
}

function changeParts(text) {
  if (deck.number !== null && (deck.player instanceof PartsPlayer) !== byParts(deck.number)) exchange(deck.number);
  level();
  showDeck();
  say(text);
}

function toggleDigits() {
  if (!partsOf(shownNumber()).length) {
    say("This take has no parts");
    return;
  }
  digitsMute = !digitsMute;
  showDeck();
  say(digitsMute ? "Digits mute parts" : "Digits give stars");
}

function partActionOf({ code, key, shiftKey }) {
  // Return what a digit does to the parts; null if it is no digit, or they are not for parts.
  if (!digitsMute || !partsOf(shownNumber()).length) return null;
  // With shift, the key of a digit is another sign, which depends on the keyboard.
  const digit = /^Digit(\d)$/.exec(code)?.[1] ?? /^\d$/.exec(key)?.[0];
  if (digit === undefined) return null;
  if (digit === "0") return hearWhole;
  return () => (shiftKey ? toggleSolo : toggleMute)(digit - 1);
}

// --- The row

function showParts(number) {
  const parts = partsOf(number);
  byId("parts").hidden = !parts.length;
  if (!parts.length) return;
  const list = byId("part-list");
  if (list.dataset.number !== String(number)) {
    list.dataset.number = number;
    list.replaceChildren(...parts.map(({ name }, index) => make("li", {},
      button({ class: "mute", "aria-label": `Mute ${name}` }, () => toggleMute(index),
        make("kbd", { "aria-hidden": "true" }, index < 9 ? String(index + 1) : ""), name),
      button({ class: "solo", "aria-label": `Solo ${name}` }, () => toggleSolo(index), "S"))));
  }
  const press = (element, is) => element.setAttribute("aria-pressed", String(is));
  [...list.children].forEach((item, index) => {
    const { name } = parts[index];
    press(item.querySelector(".mute"), muted.has(name));
    press(item.querySelector(".solo"), soloed.has(name));
    item.classList.toggle("silent", !isPartHeard(number, name));
  });
  press(byId("digits"), digitsMute);
  byId("parts").classList.toggle("numbered", digitsMute);
  byId("whole").hidden = byId("before-effects").hidden = !byParts(number);
}
