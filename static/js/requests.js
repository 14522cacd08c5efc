// Says so when a request by htmx went wrong: a click must never seem to have worked when it did not.

const AWAY = "The portal did not answer. Nothing was changed, as far as this page knows; try again.";
const FAULT = "The portal could not do that. Nothing was changed, as far as this page knows; try again.";

function tell(text) {
  const note = document.createElement("div");
  note.className = "notice";
  note.dataset.tone = "red";
  const words = document.createElement("p");
  words.textContent = text;
  note.append(words);
  document.getElementById("messages")?.replaceChildren(note);
}

// A whole page in answer to a request for a part of one: the session has ended, or the answer is elsewhere.
function follow(address) {
  // Sign-in leads back to this page then; to what was clicked, a form's address, it could not.
  if (new URL(address).searchParams.has("next")) window.location.reload();
  else window.location.assign(address);
}

document.addEventListener("htmx:sendError", () => tell(AWAY));
document.addEventListener("htmx:timeout", () => tell(AWAY));
document.addEventListener("htmx:responseError", (event) => {
  tell(event.detail.xhr.status === 503 ? AWAY : FAULT);
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
