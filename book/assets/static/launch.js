// On a page that was opened from a file, the button that opens a chapter live says how to serve the site instead.
document.addEventListener("click", event => {
  const button = event.target.closest?.(".live-launch > a");
  if (!button || location.protocol !== "file:") return;
  event.preventDefault();
  button.nextElementSibling.textContent = "Pages from files cannot run Python. Serve them: run “make serve” in the " +
    "folder of the book (or “python -m http.server” in the folder of its pages) and open http://localhost:8000";
});
