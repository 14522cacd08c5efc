// Works a page by single keys: whatever is visible and has data-key="a" is followed, pressed, opened or focused by that key.
//
// In a list, [data-key-row] marks the link of each row: j and k (and the arrows, once the focus is in the list) move between
// them, o opens, x works the checkbox [data-key-row-box] of the row. "?" shows the keys of the page, from the labels in
// data-key-label; there they can be switched off (WCAG 2.1.4). Keys are for this browser alone, so that is kept here. See
// components/keys.html.

const SETTING = "keys";
const WRITING = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";
const FIELDS = "input:not([type=hidden]), textarea, select";

function areOn() {
  try {
    return localStorage.getItem(SETTING) !== "off";
  } catch {
    return true; // a browser that keeps nothing
  }
}

function keep(on) {
  try {
    if (on) localStorage.removeItem(SETTING);
    else localStorage.setItem(SETTING, "off");
  } catch {
    // it holds for as long as the page stands
  }
}

const help = document.querySelector("[data-key-help]");
const buttons = [...document.querySelectorAll("[data-key-help-opens]")];
let on = areOn();

// What the keys do

const isThere = (element) => element.checkVisibility() && !element.matches(":disabled");
const there = (selector) => {
  const opened = [...document.querySelectorAll("dialog[open]")].at(-1);
  return [...(opened ?? document).querySelectorAll(selector)].filter(isThere);
};

function act(element) {
  if (element instanceof HTMLDialogElement) element.showModal();
  else if (element instanceof HTMLDetailsElement) {
    element.open = true;
    (element.querySelector("[data-key-first]") ?? element.querySelector(FIELDS) ?? element.querySelector("summary")).focus();
  } else {
    element.focus();
    if (!element.matches(WRITING)) element.click();
  }
}

function move(by) {
  const rows = there("[data-key-row]");
  const at = rows.findIndex((row) => isIn(row, document.activeElement));
  const next = at < 0 ? rows[0] : rows[at + by];
  next?.focus();
  return rows.length > 0;
}

const isIn = (row, element) => row === element || (row.closest("tr, li")?.contains(element) ?? false);
const current = () => there("[data-key-row]").find((row) => isIn(row, document.activeElement));

function open() {
  const row = current();
  row?.click();
  return Boolean(row);
}

function choose() {
  const box = current()?.closest("tr, li")?.querySelector("[data-key-row-box]");
  box?.click();
  return Boolean(box);
}

const ROW_KEYS = {
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => Boolean(current()) && move(1),
  ArrowUp: () => Boolean(current()) && move(-1),
  o: open,
  x: choose,
};
const REPEATING = new Set(["j", "k", "ArrowDown", "ArrowUp"]);

function press(key) {
  const element = there("[data-key]").find((found) => found.dataset.key === key);
  if (element) {
    act(element);
    return true;
  }
  return ROW_KEYS[key]?.() ?? false;
}

function isForUs(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return false;
  return on && !event.target.closest?.(WRITING);
}

document.addEventListener("keydown", (event) => {
  if (!isForUs(event)) return;
  if (event.key === "?" && help) {
    showHelp();
    event.preventDefault();
    return;
  }
  // With caps lock on a letter arrives large; with shift held it is another key.
  const key = event.key.length === 1 && !event.shiftKey ? event.key.toLowerCase() : event.key;
  if (event.repeat && !REPEATING.has(key)) return;
  if (press(key)) event.preventDefault();
});

// Ctrl+Enter sends the form that is being written in.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat) event.target.form?.requestSubmit();
});

// The list of keys

function line(key, label) {
  const entry = help.querySelector("template").content.cloneNode(true);
  entry.querySelector("kbd").textContent = key;
  entry.querySelector("[data-key-help-label]").textContent = label;
  return entry;
}

function showHelp() {
  if (help.open) return;
  const labelled = there("[data-key][data-key-label]");
  const lines = labelled.map((element) => line(element.dataset.key, element.dataset.keyLabel));
  help.querySelector("[data-key-help-lines]").replaceChildren(...lines);
  for (const part of help.querySelectorAll("[data-key-help-if]")) part.hidden = there(part.dataset.keyHelpIf).length === 0;
  help.showModal();
}

function tell() {
  for (const button of buttons) {
    button.hidden = false;
    for (const words of button.querySelectorAll("[data-key-when]")) words.hidden = (words.dataset.keyWhen === "on") !== on;
  }
}

if (help) {
  const box = help.querySelector("[data-key-switch]");
  box.checked = on;
  box.addEventListener("change", () => {
    on = box.checked;
    keep(on);
    tell();
  });
  for (const button of buttons) button.addEventListener("click", showHelp);
  tell();
}
