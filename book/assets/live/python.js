// Starts Pyodide in the worker of JupyterLite's kernel, which takes this file for Pyodide's own. Wherever Pyodide comes
// from, only its core is needed: the rest of the kernel, minigrad and the checks are in python.zip. NumPy and
// matplotlib are loaded by the first cell that imports them.

const PATIENCE = 30000; // milliseconds for the beginning of an answer
const BOOK = "/book"; // where python.zip is unpacked, and where the notebooks run
const page = new BroadcastChannel("minigrad");

async function fetched(url) {
  const answer = await fetch(url, {signal: AbortSignal.timeout(PATIENCE)}).catch(error => {
    throw new Error(`${new URL(url).host} did not answer`, {cause: error});
  });
  if (!answer.ok) throw new Error(`${url} is not there: status ${answer.status}`);
  return answer;
}

async function start(options) {
  const site = options.indexURL; // the folder of this file
  const {pyodide: place} = await (await fetched(`${site}settings.json`)).json();
  const folder = new URL(place, site).href;
  await (await fetched(`${folder}pyodide.js`)).arrayBuffer(); // importScripts would wait for ever
  importScripts(`${folder}pyodide.js`); // defines loadPyodide, in the place of the one below
  const zip = fetched(`${site}python.zip`).then(answer => answer.arrayBuffer());
  const pyodide = await self.loadPyodide({...options, indexURL: folder, packages: []});
  pyodide.unpackArchive(await zip, "zip", {extractDir: BOOK});
  await pyodide.runPythonAsync(`
    import os, sys
    os.chdir("${BOOK}")
    sys.path.insert(0, "${BOOK}")
    import live_notebook
    live_notebook.prepare()
  `);
  return pyodide;
}

self.loadPyodide = async options => {
  page.postMessage({says: "Loading Python …"});
  const slow = setTimeout(() => page.postMessage({says: "Still loading Python: the network is slow …"}), PATIENCE);
  try {
    const pyodide = await start(options);
    page.postMessage({says: "Python is ready."});
    return pyodide;
  } catch (error) {
    const reason = error.message.trim().split("\n").pop(); // of a Python traceback the last line
    page.postMessage({failed: `Python could not be loaded (${reason}). Nothing you wrote is lost, and the text ` +
      "can be read. Is there a network? Reload this page to try again."});
    throw error;
  } finally {
    clearTimeout(slow);
  }
};
