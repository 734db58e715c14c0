// Opens a chapter in JupyterLite: index.html?chapter=04-computational-graphs. What JupyterLite does not do by itself is
// here: to save after every change, to begin a chapter again, and to say in one line what does not work.

const SETTLED = 500; // milliseconds without a change after which the chapter is saved
const SLOW = 60000; // milliseconds after which a notebook ought to be open
const SERVE = "run “make serve” in the folder of the book (or “python -m http.server” in the folder of its pages) " +
  "and open http://localhost:8000";

const element = id => document.getElementById(id);
const say = text => { element("status").textContent = text; };
const warn = text => { element("warning").textContent = text; };

const FULL = "This change could not be stored: is the browser's storage full? Nothing is lost while the page stays open: " +
  "keep your work with File > Download, or make room and press Ctrl+S.";

class Trouble extends Error {}

function check_browser() {
  if (location.protocol === "file:") throw new Trouble(`A page from a file cannot run Python. To serve it, ${SERVE}.`);
  const missing = ["WebAssembly", "Worker", "BroadcastChannel", "AbortSignal"].filter(name => !(name in window));
  if (missing.length) {
    throw new Trouble(`This browser lacks ${missing.join(", ")} and cannot run Python: a current Firefox, Chrome, ` +
      "Edge or Safari can. The text needs none of it.");
  }
}

async function fetch_settings() {
  try {
    const answer = await fetch("settings.json", {cache: "no-cache"});
    if (!answer.ok) throw new Error(answer.status);
    return await answer.json();
  } catch (error) {
    throw new Trouble(`The site did not answer (${error.message}): is its server still running? Reload this page then.`);
  }
}

// Write one record into a database of its own, as JupyterLite does for each chapter.
function store() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("minigrad can store");
    request.onerror = () => reject(request.error);
    request.onupgradeneeded = () => request.result.createObjectStore("probe");
    request.onsuccess = () => {
      const change = request.result.transaction("probe", "readwrite");
      change.objectStore("probe").put("x".repeat(1 << 20), "key");
      change.objectStore("probe").delete("key");
      change.oncomplete = () => { request.result.close(); resolve(); };
      change.onabort = () => reject(change.error);
    };
  });
}

async function check_storage() {
  try {
    await store();
  } catch (error) {
    if (error?.name === "QuotaExceededError") return warn(FULL);
    try {
      localStorage.setItem("minigrad can store", "x"); // JupyterLite's second choice
      localStorage.removeItem("minigrad can store");
    } catch {
      throw new Trouble("This browser stores nothing for this site, which a live chapter needs: allow it to store site " +
        "data, or leave the private window. The text needs none of it.");
    }
  }
}

// Wait until something is there; JupyterLite says nowhere that it is.
async function until(find) {
  for (;;) {
    const found = find();
    if (found) return found;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

class Chapter {
  constructor(name, title) {
    this.path = `${name}.ipynb`;
    this.frame = document.createElement("iframe");
    this.frame.title = `${title}, a notebook`;
    this.failed = false;
  }

  async open() {
    this.frame.src = `jupyterlite/notebooks/index.html?path=${this.path}`;
    document.querySelector("main").append(this.frame);
    this.app = await until(() => this.frame.contentWindow?.jupyterapp);
    await this.app.started;
    const panel = await until(() => this.app.shell.currentWidget?.context && this.app.shell.currentWidget);
    this.context = panel.context;
    await this.context.ready;
    this.context.model.contentChanged.connect(() => this.changed());
    this.context.saveState.connect((_, state) => this.saved(state));
    this.frame.contentWindow.addEventListener("unhandledrejection", ({reason}) => {
      if (/call stack|fatal|memory/i.test(reason)) warn("Python has stopped: it ran out of room. Start it again with " +
        "Kernel > Restart Kernel; nothing you wrote is lost.");
    });
    addEventListener("pagehide", () => this.save());
    document.addEventListener("visibilitychange", () => document.hidden && this.save());
  }

  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SETTLED);
  }

  // After a failure only the reader tries again (Ctrl+S): each attempt opens a dialog.
  save() {
    clearTimeout(this.timer);
    if (this.context && this.context.model.dirty && !this.failed) this.context.save();
  }

  saved(state) {
    if (state === "failed") {
      this.failed = true;
      warn(FULL);
    } else if (state.startsWith("completed") && this.failed) {
      this.failed = false;
      warn("");
    }
  }

  async reset() {
    if (!confirm("Reset this chapter? Everything you wrote in it is removed from this browser, and it begins again " +
      "as the book has it.")) return;
    this.failed = true; // what is open now is not to be saved any more
    clearTimeout(this.timer);
    await this.app.serviceManager.contents.delete(this.path);
    location.reload();
  }
}

async function main() {
  say("");
  check_browser();
  const name = new URLSearchParams(location.search).get("chapter") ?? "";
  const settings = await fetch_settings();
  const title = Object.hasOwn(settings.chapters, name) && settings.chapters[name];
  if (!title) throw new Trouble(`There is no chapter “${name}”: open one with the button on its page.`);
  element("title").textContent = title;
  document.title = `${title}, live — minigrad`;
  element("text").href = `../book/${name}.html`;

  say("Loading …");
  new BroadcastChannel("minigrad").onmessage = ({data}) => (data.failed ? warn : say)(data.failed ?? data.says);
  await check_storage();
  const chapter = new Chapter(name, title);
  element("reset").onclick = () => chapter.reset();
  setTimeout(() => chapter.context || say("The notebook has not opened yet: the network is slow, or its server has " +
    "stopped. Reload this page to try again; nothing you wrote is lost."), SLOW);
  await chapter.open();
  element("reset").disabled = false;
}

main().catch(error => warn(error instanceof Trouble ? error.message :
  `The live chapter did not start (${error.message}). The text can be read without it.`));
