// Lets a page that a click has changed settle before it takes the next one: the second click of a nervous hand must not press
// what now stands where the first one went. Keys are not held up.

const MILLISECONDS = 900;
let settled;

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.requestConfig?.verb !== "post") return;
  document.body.classList.add("settling");
  clearTimeout(settled);
  settled = setTimeout(() => document.body.classList.remove("settling"), MILLISECONDS);
});
