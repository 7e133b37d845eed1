/* Evalsite for client applications in JavaScript: which arm a unit is in, and what happens then. One ES module for
 * browsers and Node 18 or newer, no dependencies.
 *
 *     import { Evalsite } from "./evalsite-client.js";
 *
 *     const evalsite = new Evalsite("https://evalsite.example.org", "evs_...");
 *     if ((await evalsite.arm("support-bot", user.id)) === "treatment") { ... }
 *     evalsite.track("support-bot", user.id, "task_completed");
 *
 * `arm` computes the arm here, from the rule that is downloaded once and again every minute, and tells the exposure
 * with the events. `ask` asks the site instead, which remembers every unit's arm, also over a ramp. Neither ever fails
 * with the network: whoever cannot be assigned is in control. Events wait here and are sent again and again until the
 * site has answered; each has an id, so that none counts twice. In a browser what waits is sent when the page goes.
 */

export const VERSION = "1.0.0";
export const CONTROL = "control";
export const TREATMENT = "treatment";

const MOST_AT_ONCE = 500;
const MOST_UNITS_AT_ONCE = 1000;
const MOST_REMEMBERED = 100_000;
const SENT_AGAIN_UNEXPOSED = 3;
// What a caller of `arm` waits at most where it can do without an answer, in seconds.
const REFRESH_TIMEOUT = 3;
// What a browser takes along when a page goes.
const LAST_BYTES = 60_000;
const TAKEN = new Set(["accepted", "duplicate"]);
const PASSING = new Set([401, 403, 404, 408, 425, 429]);
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;

/* --- the rule --- */

/** The unit's bucket, 0 .. buckets - 1.
 *
 * Version 1: md5("{experiment}:{unit}") as a number % buckets, where a salt stands before both.
 * Version 2: the first 13 hexadecimal digits of sha256("{salt}␀{experiment}␀{unit}") % buckets, ␀ being NUL.
 */
export function bucket(experiment, unit, { buckets = 10_000, salt = "", version = 2 } = {}) {
  if (version === 1) {
    const digest = md5(utf8(salt ? `${salt}:${experiment}:${unit}` : `${experiment}:${unit}`));
    return digest.reduce((rest, byte) => (rest * 256 + byte) % buckets, 0);
  }
  if (version !== 2) throw new RangeError(`this client does not know version ${version} of the rule: get a newer one`);
  if ([salt, experiment, unit].some((part) => part.includes("\0"))) {
    throw new RangeError("neither salt nor experiment nor unit may hold a NUL character");
  }
  const [first, second] = sha256(utf8(`${salt}\0${experiment}\0${unit}`));
  // 13 digits are 32 bits and 20: a whole number below 2 ** 53.
  return (first * 2 ** 20 + (second >>> 12)) % buckets;
}

/** "treatment" for a share `split` of units, else "control": always the same for the same arguments. */
export function assign(experiment, unit, { split, ...rule }) {
  return bucket(experiment, unit, rule) / (rule.buckets ?? 10_000) < split ? TREATMENT : CONTROL;
}

const encoder = new TextEncoder();

function utf8(text) {
  if (LONE_SURROGATE.test(text)) throw new RangeError("half of a surrogate pair stands in the text");
  return encoder.encode(text);
}

/** The text in blocks of 64 bytes: a bit, zeros, and its length in bits. */
function padded(bytes, littleEndian) {
  const view = new DataView(new ArrayBuffer((((bytes.length + 8) >> 6) + 1) << 6));
  bytes.forEach((byte, place) => view.setUint8(place, byte));
  view.setUint8(bytes.length, 0x80);
  const [low, high] = [(bytes.length * 8) >>> 0, Math.floor(bytes.length / 2 ** 29)];
  view.setUint32(view.byteLength - 8, littleEndian ? low : high, littleEndian);
  view.setUint32(view.byteLength - 4, littleEndian ? high : low, littleEndian);
  return view;
}

const MD5_TURNS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const MD5_ADDED = Array.from({ length: 64 }, (_, step) => Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32) | 0);

/** RFC 1321. The 16 bytes of the digest. */
function md5(bytes) {
  const view = padded(bytes, true);
  let [a0, b0, c0, d0] = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let block = 0; block < view.byteLength; block += 64) {
    let [a, b, c, d] = [a0, b0, c0, d0];
    for (let step = 0; step < 64; step += 1) {
      const round = step >> 4;
      let mixed;
      let word;
      if (round === 0) [mixed, word] = [(b & c) | (~b & d), step];
      else if (round === 1) [mixed, word] = [(d & b) | (~d & c), (5 * step + 1) & 15];
      else if (round === 2) [mixed, word] = [b ^ c ^ d, (3 * step + 5) & 15];
      else [mixed, word] = [c ^ (b | ~d), (7 * step) & 15];
      const sum = (a + mixed + MD5_ADDED[step] + view.getInt32(block + word * 4, true)) | 0;
      const turn = MD5_TURNS[round * 4 + (step & 3)];
      [a, d, c, b] = [d, c, b, (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0];
    }
    [a0, b0, c0, d0] = [(a0 + a) | 0, (b0 + b) | 0, (c0 + c) | 0, (d0 + d) | 0];
  }
  const digest = new DataView(new ArrayBuffer(16));
  [a0, b0, c0, d0].forEach((part, place) => digest.setInt32(place * 4, part, true));
  return new Uint8Array(digest.buffer);
}

const [SHA_BEGIN, SHA_ADDED] = fractionsOfRoots();

/** Of the square roots of the first 8 primes, and of the cube roots of the first 64: 32 bits each. */
function fractionsOfRoots() {
  const fraction = (root) => ((root % 1) * 2 ** 32) | 0;
  const primes = [];
  for (let number = 2; primes.length < 64; number += 1) {
    if (primes.every((prime) => number % prime)) primes.push(number);
  }
  return [primes.slice(0, 8).map((prime) => fraction(prime ** 0.5)), primes.map((prime) => fraction(Math.cbrt(prime)))];
}

/** FIPS 180-4. The 8 words of the digest, unsigned. */
function sha256(bytes) {
  const view = padded(bytes, false);
  const state = [...SHA_BEGIN];
  const words = new Int32Array(64);
  for (let block = 0; block < view.byteLength; block += 64) {
    for (let step = 0; step < 64; step += 1) {
      if (step < 16) {
        words[step] = view.getInt32(block + step * 4);
        continue;
      }
      const [late, early] = [words[step - 2], words[step - 15]];
      const one = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
      const two = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
      words[step] = (one + words[step - 7] + two + words[step - 16]) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let step = 0; step < 64; step += 1) {
      const choice = (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g));
      const first = (h + choice + SHA_ADDED[step] + words[step]) | 0;
      const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((part, place) => { state[place] = (state[place] + part) | 0; });
  }
  return state.map((part) => part >>> 0);
}

function turned(word, by) {
  return (word >>> by) | (word << (32 - by));
}

/** The rule of one live test, as the site tells it. Keep `raw` anywhere to assign without the network. */
export class Plan {
  constructor(raw) {
    this.raw = raw;
    this.experiment = raw.experiment;
    this.running = raw.running;
    this.rule = { version: raw.routing.version, salt: raw.routing.salt, buckets: raw.routing.buckets };
    this.split = raw.routing.split;
    this.segments = raw.segments ?? [];
    this.sha256 = raw.plan_sha256 ?? "";
  }

  /** Control for everybody while the test does not run. */
  arm(unit) {
    return this.running ? assign(this.experiment, unit, { ...this.rule, split: this.split }) : CONTROL;
  }
}

/* --- the site --- */

/** What the site answered, or why there is no answer. `status` is 0 where there is none. */
export class EvalsiteError extends Error {
  constructor(message, { status = 0, retryAfter = null } = {}) {
    super(message);
    this.name = "EvalsiteError";
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The arms of the newest units of this page or process. `localStorage` in its place keeps them longer. */
class Memory {
  constructor() {
    this.arms = new Map();
  }

  getItem(key) {
    return this.arms.get(key) ?? null;
  }

  setItem(key, arm) {
    this.arms.set(key, arm);
    if (this.arms.size > MOST_REMEMBERED) this.arms.delete(this.arms.keys().next().value);
  }
}

const DEFAULTS = {
  plans: [],
  storage: null,
  timeoutSeconds: 10,
  refreshSeconds: 60,
  retrySeconds: 15,
  flushSeconds: 2,
  mostQueued: 50_000,
  firstPause: 0.5,
  longestPause: 60,
  onRefused: null,
  fetch: (...asked) => globalThis.fetch(...asked),
};

/** One per page or process is enough.
 *
 * plans: rules to begin with, such as kept ones. storage: where arms of units are remembered, so that a ramp moves
 * nobody who was exposed: anything with getItem and setItem, such as localStorage. mostQueued: events that wait at
 * most; what comes above is dropped and counted. retrySeconds: for how long a rule that could not be had is not asked
 * for again, so that a site that hangs does not hold up every caller. onRefused: called with the event and the answer for each event that
 * the site did not take. `counts` says how many events were accepted, duplicate, refused for which reason, dropped.
 */
export class Evalsite {
  constructor(url, token, options = {}) {
    this.url = url.replace(/\/+$/, "");
    this.token = token;
    this.options = { ...DEFAULTS, ...options };
    this.storage = this.options.storage ?? new Memory();
    this.counts = {};
    this.plans = new Map(this.options.plans.map((plan) => [plan.experiment, { plan, until: -Infinity }]));
    this.asking = new Map();
    this.queue = [];
    this.unexposed = new Map();
    this.failed = new Map();
    this.heard = { at: -Infinity, since: performance.now() };
    this.mostAtOnce = MOST_AT_ONCE;
    this.failures = 0;
    this.sending = null;
    this.timer = null;
    this.notBefore = 0;
    this.sentLast = null;
    this.leave = () => this.sendLast();
    if (typeof document !== "undefined") {
      document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.leave());
      addEventListener("pagehide", this.leave);
    }
  }

  /** By the rule, computed here; the first time the exposure is told. Control where there is no rule to be had. */
  async arm(experiment, unit, attributes = {}) {
    if (isNobody(unit)) return CONTROL;
    let plan;
    try {
      plan = await this.plan(experiment);
    } catch (error) {
      if (!(error instanceof EvalsiteError)) throw error;
      return CONTROL;
    }
    if (!plan.running) return CONTROL;
    const key = `evalsite/${experiment}/${unit}`;
    const remembered = this.remembered(key);
    if (remembered === CONTROL || remembered === TREATMENT) return remembered;
    const arm = plan.arm(String(unit));
    this.remember(key, arm);
    const told = Object.fromEntries(Object.entries(attributes).filter(([name]) => plan.segments.includes(name)));
    this.track(experiment, unit, "exposure", { properties: { ...told, arm } });
    return arm;
  }

  remembered(key) {
    try {
      return this.storage.getItem(key);
    } catch {
      return null;
    }
  }

  remember(key, arm) {
    try {
      this.storage.setItem(key, arm);
    } catch {
      // A full or forbidden localStorage: the rule gives the same arm again.
    }
  }

  /** Arms by unit as the site remembers them. Everybody is in control where it cannot be asked. */
  async ask(experiment, units, attributes = {}) {
    const wanted = [...new Set([...units].filter((unit) => !isNobody(unit)).map(String))];
    const arms = Object.fromEntries(wanted.map((unit) => [unit, CONTROL]));
    for (let begin = 0; begin < wanted.length; begin += MOST_UNITS_AT_ONCE) {
      const part = wanted.slice(begin, begin + MOST_UNITS_AT_ONCE);
      try {
        const said = await this.call("POST", "/assign", { experiment, unit_ids: part, attributes });
        for (const one of said.assignments) {
          arms[one.unit_id] = one.arm;
          this.keepUpWith(one.exposed_at);
        }
      } catch {
        // No answer, or one that is none: control.
      }
    }
    return arms;
  }

  /** The rule, not older than `refreshSeconds` if the site can be reached. EvalsiteError where there is none. */
  async plan(experiment) {
    const known = this.plans.get(experiment);
    if (known && known.until > Date.now()) return known.plan;
    const failed = this.failed.get(experiment);
    // Only the first one to ask waits for the site; meanwhile others have the rule, or the failure, of before.
    const isAsked = this.asking.has(experiment);
    if (isAsked && known) return known.plan;
    if (failed && (isAsked || failed.until > Date.now())) throw failed.error;
    if (!isAsked) {
      const seconds = this.options.timeoutSeconds;
      const wait = known || failed ? Math.min(seconds, REFRESH_TIMEOUT) : seconds;
      const asked = this.download(experiment, known?.plan, wait).finally(() => this.asking.delete(experiment));
      this.asking.set(experiment, asked);
    }
    return this.asking.get(experiment);
  }

  async download(experiment, old, seconds) {
    let plan = old;
    try {
      const path = `/live-tests/${encodeURIComponent(experiment)}/plan`;
      plan = readPlan(await this.call("GET", path, undefined, { signal: AbortSignal.timeout(seconds * 1000) }));
    } catch (error) {
      // An old rule is better than none; asked again after the same time.
      if (!old) {
        const rest = Math.max(this.options.retrySeconds, error.retryAfter ?? 0);
        this.failed.set(experiment, { error, until: Date.now() + rest * 1000 });
        throw error;
      }
    }
    this.plans.set(experiment, { plan, until: Date.now() + this.options.refreshSeconds * 1000 });
    this.failed.delete(experiment);
    return plan;
  }

  /** A clock that runs behind the site's would date events before their own exposure. */
  keepUpWith(exposedAt) {
    const at = Date.parse(exposedAt) + 1;
    if (at > this.siteIsPast()) this.heard = { at, since: performance.now() };
  }

  /** The site's clock shows at least that: what it told last, and what went by here since. */
  siteIsPast() {
    return this.heard.at + performance.now() - this.heard.since;
  }

  /** By the clock here as long as it is not known to be behind; once it is set right, by it again. */
  now() {
    return Math.max(Date.now(), this.siteIsPast());
  }

  /** Queue one event and return its id. RangeError for a value that JSON cannot hold, such as NaN. */
  track(experiment, unit, event, { value, properties, conversationId, at, eventId } = {}) {
    if (value !== undefined && value !== null && !Number.isFinite(value)) throw new RangeError("value is no number");
    const said = {
      event_id: eventId ?? newId(),
      event,
      experiment,
      unit_id: String(unit),
      timestamp: new Date(at ?? this.now()).toISOString(),
      value: value ?? undefined,
      properties,
      conversation_id: conversationId,
    };
    if (this.queue.length >= this.options.mostQueued) {
      this.count("dropped");
      return said.event_id;
    }
    this.queue.push(JSON.parse(JSON.stringify(said)));
    this.wake(this.queue.length >= MOST_AT_ONCE ? 0 : this.options.flushSeconds);
    return said.event_id;
  }

  /** Send what waits; resolves to true when the site has answered for all of it within that time. */
  async flush(timeoutSeconds = Infinity) {
    const end = Date.now() + timeoutSeconds * 1000;
    while ((this.queue.length || this.sending) && Date.now() < end) {
      this.wake(0);
      const soon = pause(Math.min(50, end - Date.now()));
      await (this.sending ? Promise.race([this.sending, soon]) : soon);
    }
    return !this.queue.length && !this.sending;
  }

  /** Flush, then wake no more. */
  async close(timeoutSeconds = 5) {
    const done = await this.flush(timeoutSeconds);
    clearTimeout(this.timer);
    this.timer = null;
    if (typeof document !== "undefined") removeEventListener("pagehide", this.leave);
    return done;
  }

  /* --- in the background --- */

  wake(seconds) {
    const at = Math.max(Date.now() + seconds * 1000, this.notBefore);
    if (this.sending || (this.timer && this.wakesAt <= at)) return;
    clearTimeout(this.timer);
    this.wakesAt = at;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (!this.sending) this.sending = this.sendNext().finally(() => this.rest());
    }, at - Date.now());
  }

  rest() {
    this.sending = null;
    if (this.queue.length) this.wake(this.queue.length >= MOST_AT_ONCE ? 0 : this.options.flushSeconds);
  }

  async sendNext() {
    const batch = this.queue.splice(0, this.mostAtOnce);
    if (!batch.length) return;
    try {
      const { results } = await this.call("POST", "/events", batch);
      if (!Array.isArray(results) || results.length !== batch.length || !results.every((one) => one?.status)) {
        throw new EvalsiteError("the answer does not tell what became of each event");
      }
      this.failures = 0;
      this.mostAtOnce = MOST_AT_ONCE;
      batch.forEach((event, place) => this.settle(event, results[place]));
    } catch (error) {
      this.fail(batch, error);
    }
  }

  fail(batch, error) {
    const status = error.status ?? 0;
    if (status === 413 && batch.length > 1) {
      this.mostAtOnce = Math.floor(batch.length / 2);
    } else if (status >= 400 && status < 500 && !PASSING.has(status)) {
      this.count("refused", batch.length);
      return;
    } else {
      this.notBefore = Date.now() + this.pause(error.retryAfter) * 1000;
      this.failures += 1;
    }
    // Before what came meanwhile, so that exposures stay before the events of their units.
    this.queue.unshift(...batch);
  }

  settle(event, answer) {
    const times = this.unexposed.get(event.event_id) ?? 0;
    if (answer.status === "not_exposed" && times < SENT_AGAIN_UNEXPOSED) {
      // Another page or process may be about to tell the exposure.
      this.unexposed.set(event.event_id, times + 1);
      this.queue.push(event);
      return;
    }
    this.unexposed.delete(event.event_id);
    this.count(answer.status);
    if (!TAKEN.has(answer.status)) this.tellRefused(event, answer);
  }

  tellRefused(event, answer) {
    try {
      this.options.onRefused?.(event, answer);
    } catch (error) {
      // Of the application's own: the event is answered for, and not sent again for it.
      globalThis.console?.error("evalsite: onRefused failed", error);
    }
  }

  /** Somewhere below twice the last one's bound, but never earlier than the site asks for. In seconds. */
  pause(retryAfter) {
    const bound = Math.min(this.options.longestPause, this.options.firstPause * 2 ** Math.min(this.failures, 30));
    return Math.max(bound * (0.5 + Math.random() / 2), retryAfter ?? 0);
  }

  /** The page goes: what fits is sent without waiting for the answer, and stays here in case the page comes back. */
  sendLast() {
    let size = 0;
    const batch = this.queue.slice(0, MOST_AT_ONCE).filter((event) => {
      size += encoder.encode(JSON.stringify(event)).length + 1;
      return size < LAST_BYTES;
    });
    // A browser says in two ways that a page goes.
    const newest = batch.at(-1)?.event_id;
    if (!newest || newest === this.sentLast) return;
    this.sentLast = newest;
    this.call("POST", "/events", batch, { keepalive: true }).catch(() => undefined);
  }

  count(name, n = 1) {
    this.counts[name] = (this.counts[name] ?? 0) + n;
  }

  async call(method, path, body, more = {}) {
    let answer;
    try {
      answer = await this.options.fetch(`${this.url}/api/v1${path}`, {
        method,
        body: body === undefined ? undefined : JSON.stringify(body),
        headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" },
        credentials: "omit",
        redirect: "error",
        signal: AbortSignal.timeout(this.options.timeoutSeconds * 1000),
        ...more,
      });
      if (answer.ok) return await answer.json();
    } catch (error) {
      throw new EvalsiteError(`no answer from ${this.url}: ${error.message}`);
    }
    const said = await answer.json().catch(() => ({}));
    const words = `the site answered ${answer.status}${said.message ? `: ${said.message}` : ""}`;
    throw new EvalsiteError(words, { status: answer.status, retryAfter: secondsToWait(answer.headers) });
  }
}

function readPlan(said) {
  try {
    return new Plan(said);
  } catch (error) {
    throw new EvalsiteError(`the answer is no plan: ${error.message}`);
  }
}

/** Somebody without an id, such as a visitor who is not logged in: in control, and in no test. */
function isNobody(unit) {
  return unit === undefined || unit === null || unit === "";
}

/** Node 18 and pages without TLS have no crypto. */
function newId() {
  const random = () => Math.random().toString(36).slice(2).padEnd(11, "0");
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${random()}-${random()}`;
}

function secondsToWait(headers) {
  const word = headers.get("Retry-After");
  if (!word) return null;
  const seconds = Number.isNaN(Number(word)) ? (Date.parse(word) - Date.now()) / 1000 : Number(word);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 3600) : null;
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, Math.max(0, milliseconds)));
}
