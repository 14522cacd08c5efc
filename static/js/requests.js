// Says so when a request by htmx went wrong: a click must never seem to have worked when it did not.

const AWAY = "The portal did not answer. Nothing was changed, as far as this page knows; try again.";
const FAULT = "The portal could not do that. Nothing was changed, as far as this page knows; try again.";
const STALE = "The portal does not answer. This page may be out of date; it goes on asking by itself.";

let told = null;

function tell(text) {
  if (told?.isConnected && told.textContent === text) return; // said once, not at every attempt
  told = document.createElement("div");
  told.className = "notice";
  told.dataset.tone = "red";
  const words = document.createElement("p");
  words.textContent = text;
  told.append(words);
  document.getElementById("messages")?.replaceChildren(told);
}

// Parts of pages ask by themselves (hx-trigger="every 5s"): that takes no word back about a click, nor says it again.
function fail(event, text) {
  if (!event.detail.elt.matches("[hx-trigger^=every]")) tell(text);
  else if (!told?.isConnected) tell(STALE);
}

// A whole page in answer to a request for a part of one: the session has ended, or the answer is elsewhere.
function follow(address) {
  // Sign-in leads back to this page then; to what was clicked, a form's address, it could not.
  if (new URL(address).searchParams.has("next")) window.location.reload();
  else window.location.assign(address);
}

document.addEventListener("htmx:sendError", (event) => fail(event, AWAY));
document.addEventListener("htmx:timeout", (event) => fail(event, AWAY));
document.addEventListener("htmx:responseError", (event) => {
  fail(event, event.detail.xhr.status === 503 ? AWAY : FAULT);
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && told?.textContent === STALE) told.remove();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, boosted, shouldSwap } = event.detail;
  const selects = event.detail.selectOverride || event.target.closest("[hx-select]");
  const isWholePage = /^\s*<!doctype html/i.test(xhr.response);
  if (shouldSwap && isWholePage && !boosted && !selects) {
    event.detail.shouldSwap = false;
    follow(xhr.responseURL);
  }
});
