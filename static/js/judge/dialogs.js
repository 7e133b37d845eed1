// Help, guidelines, skip and flag, in dialogs. Each link leads to a page of its own without this.
"use strict";

(() => {
  const { page, sender } = judging;
  const dialog = (name) => document.getElementById(`dialog-${name}`);

  function open(name) {
    const box = dialog(name);
    if (!box || box.open || page.isBusy()) return false;
    box.querySelector("form[data-dialog-form]")?.reset();
    fill(box, "pair", page.turn().dataset.pair);
    fill(box, "flag", newId());
    box.showModal();
    if (box.dataset.source) load(box);
    return true;
  }

  function fill(box, name, value) {
    const input = box.querySelector(`input[name="${name}"]`);
    if (input && value) input.value = value;
  }

  // crypto.randomUUID() needs HTTPS; a server in the local network may have none.
  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  async function load(box) {
    const text = box.querySelector(".dialog-text");
    try {
      const response = await sender.get(box.dataset.source);
      if (!response.ok || page.signedOut(response)) throw new Error(response.statusText);
      const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
      text.replaceChildren(...parsed.body.childNodes);
      document.querySelector("[data-news]")?.remove();
    } catch {
      text.textContent = "The guidelines could not be loaded. Close this and try again.";
    }
  }

  // The log-in page is a fine answer too, but to another question.
  function refused(response, problem) {
    if (page.signedOut(response)) problem.textContent = "Not sent: you were signed out. Load the page again to sign in.";
    else if (!response.ok) problem.textContent = "Not taken. Load the page again, then send it once more.";
    else return false;
    problem.hidden = false;
    return true;
  }

  async function send(form) {
    const box = form.closest("dialog");
    const button = form.querySelector("button");
    const problem = form.querySelector(".error[role=alert]");
    problem.hidden = true;
    button.disabled = true;
    const pair = page.turn().dataset.pair;
    try {
      const response = await sender.post(form.action, new FormData(form));
      if (response.status >= 500) throw new Error(response.statusText);
      if (form.dataset.dialogForm === "flag" && refused(response, problem)) return;
      box.close();
      if (form.dataset.dialogForm === "skip") await page.receive(response, pair);
      else page.announce("Flag sent. Thank you.");
    } catch {
      problem.textContent = "Not sent: the server does not answer. Try again in a moment.";
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener && !event.ctrlKey && !event.metaKey && open(opener.dataset.dialog)) event.preventDefault();
    if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog").close();
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.dataset.dialogForm) return;
    event.preventDefault();
    send(event.target);
  });

  judging.dialogs = { open };
})();
