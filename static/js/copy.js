// Shows and works the buttons <button data-copy="text" hidden> where the browser can write to the clipboard.

function show(root) {
  for (const button of root.querySelectorAll("button[data-copy][hidden]")) button.hidden = false;
}

async function copy(button) {
  const label = button.querySelector("[data-copy-label]");
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    label.textContent = "Copied";
  } catch {
    label.textContent = "Select it and copy it by hand";
  }
}

if (navigator.clipboard) {
  show(document);
  document.addEventListener("htmx:load", (event) => show(event.target));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button);
  });
}
