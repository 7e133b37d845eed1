// The judging page: choosing, submitting, and swapping in the next pair from the same round trip.
"use strict";

(() => {
  const HEARTBEAT_MS = 2 * 60 * 1000;
  const byId = (id) => document.getElementById(id);
  const turn = () => byId("turn");
  const ballot = () => document.querySelector("form#ballot");
  let busy = false;

  function announce(text) {
    byId("announcer").textContent = text;
  }

  function choice() {
    return ballot()?.querySelector('[data-choice][aria-pressed="true"]')?.value ?? "";
  }

  function choose(value) {
    const button = ballot()?.querySelector(`[data-choice][value="${value}"]`);
    if (!button || busy) return;
    for (const other of ballot().querySelectorAll("[data-choice]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    tell("");
    announce(`${button.firstChild.textContent.trim()} chosen. Enter submits.`);
    saveDraft();
  }

  // Only the page first loaded carries a token; the pairs swapped in later do not.
  const token = () => document.querySelector('input[name="csrfmiddlewaretoken"]')?.value ?? "";

  // The ballot as the server will read it.
  function fields() {
    const all = Object.fromEntries(new FormData(ballot()));
    return { ...all, csrfmiddlewaretoken: token(), choice: choice(), active_ms: judging.clock.read() };
  }

  function saveDraft(more = {}) {
    if (!ballot()) return;
    const { csrfmiddlewaretoken, ...said } = fields();
    judging.drafts.write(said.pair, { said, ...more });
  }

  function restoreDraft() {
    const draft = judging.drafts.read(turn().dataset.pair);
    const form = ballot();
    judging.clock.restart(Number(draft?.said?.active_ms) || 0);
    // A draft of what was meanwhile judged elsewhere would say "changed" about the wrong revision.
    if (!draft || draft.said.supersedes !== form.elements.supersedes.value) return;
    form.elements.judgment.value = draft.said.judgment;
    form.elements.comment.value = draft.said.comment;
    if (draft.said.comment) form.querySelector(".comment").open = true;
    for (const radio of form.querySelectorAll('input[type="radio"]')) {
      radio.checked = draft.said[radio.name] === radio.value;
    }
    for (const button of form.querySelectorAll("[data-choice]")) {
      button.setAttribute("aria-pressed", String(button.value === draft.said.choice));
    }
  }

  function tell(text, withButton = false) {
    const line = byId("sending");
    if (!line) return;
    line.hidden = !text;
    line.textContent = text;
    if (withButton) {
      const now = document.createElement("button");
      Object.assign(now, { type: "button", className: "button button-small", textContent: "Try now" });
      now.addEventListener("click", () => document.dispatchEvent(new Event("judging:try-now")));
      line.append(" ", now);
    }
  }

  async function submit() {
    const form = ballot();
    if (busy || !form) return;
    if (!choice()) {
      tell("Choose a verdict first: A, B, tie or both bad.");
      return;
    }
    if (!form.reportValidity()) return;
    busy = true;
    const sent = fields();
    saveDraft({ sentTo: form.action });
    form.setAttribute("aria-busy", "true");
    const response = await judging.sender.untilAnswered(form.action, sent, (seconds) =>
      tell(`Not sent yet: the server does not answer. Your answer is kept here; next try in ${seconds} s.`, true),
    );
    busy = false;
    form.removeAttribute("aria-busy");
    await receive(response, sent.pair);
  }

  async function receive(response, pair) {
    if (signedOut(response)) {
      saveDraft();
      return offerSignIn();
    }
    if (response.status === 403 || response.status === 404) {
      saveDraft();
      return location.assign(turn().dataset.url);
    }
    const html = await response.text();
    // 422 says what is missing: the draft stays. Anything else is the server's answer to this judgment.
    if (response.status !== 422) judging.drafts.remove(pair);
    swap(html);
  }

  const signedOut = (response) => response.redirected && new URL(response.url).pathname.startsWith("/login");

  function offerSignIn() {
    tell("You were signed out. Your answer is kept in this browser. ");
    const link = document.createElement("a");
    link.href = `/login?next=${encodeURIComponent(turn().dataset.url)}`;
    link.textContent = "Sign in and go on";
    byId("sending")?.append(link);
  }

  function swap(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("turn");
    if (!fresh) return location.assign(turn().dataset.url);
    const raw = [...document.querySelectorAll("[data-raw]:checked")].map((box) => box.dataset.raw);
    turn().replaceWith(fresh);
    for (const name of raw) {
      const box = fresh.querySelector(`[data-raw="${name}"]`);
      if (box) box.checked = true;
    }
    history.replaceState(null, "", fresh.dataset.url);
    scrollTo(0, 0);
    byId("pair-heading")?.focus({ preventScroll: true });
    announce(fresh.dataset.announce);
    begin();
  }

  function begin() {
    document.documentElement.classList.add("scripts");
    if (ballot()) restoreDraft();
  }

  // Only a pair that is still to be judged holds a place that could be lost.
  async function heartbeat() {
    const { state, pair, heartbeat: url } = turn().dataset;
    if (document.visibilityState !== "visible" || busy || !["open", "lapsed"].includes(state)) return;
    try {
      const response = await judging.sender.post(url, { csrfmiddlewaretoken: token(), pair });
      const { held } = response.ok && !response.redirected ? await response.json() : { held: true };
      if (!held) tell("You were away, so this pair was offered to others. What you say about it is kept all the same.");
    } catch {
      // The next one will do; a lease outlives many of them.
    }
  }

  async function resendUnanswered() {
    for (const { pair, draft } of judging.drafts.unanswered()) {
      if (pair === turn().dataset.pair || !ballot()) continue;
      const body = { ...draft.said, csrfmiddlewaretoken: token() };
      const response = await judging.sender.untilAnswered(draft.sentTo, body, () => {});
      if (!signedOut(response) && ![403, 404].includes(response.status)) judging.drafts.remove(pair);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-choice]");
    if (!button) return;
    event.preventDefault();
    // Enter on the verdict that is chosen already means: submit.
    if (event.detail === 0 && button.getAttribute("aria-pressed") === "true") submit();
    else choose(button.value);
  });
  document.addEventListener("submit", (event) => {
    if (event.target !== ballot()) return;
    event.preventDefault();
    submit();
  });
  document.addEventListener("input", (event) => ballot()?.contains(event.target) && saveDraft());
  addEventListener("pagehide", () => !busy && choice() && saveDraft());
  document.addEventListener("visibilitychange", heartbeat);
  setInterval(heartbeat, HEARTBEAT_MS);

  judging.page = { announce, choose, submit, swap, receive, signedOut, turn, ballot, isBusy: () => busy };
  begin();
  resendUnanswered();
})();
