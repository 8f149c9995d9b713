// The page of `plainnet playground`: the view over a WebSocket, with the settings in the address.

import { SocketModel } from "./socket.js";
import { wholeLink } from "./parts.js";
import { render } from "./main.js";
import { spacePlays } from "./transport.js";

function openPage(el) {
  const address = `ws://${location.host}/socket`;
  let names = {}; // of the data, for people
  let waiting = null;
  const model = new SocketModel(address, location.hash.slice(1));
  model.on("msg:custom", (content) => {
    if (content.is === "welcome") names = content.choices.data;
    if (content.is !== "state") return;
    clearTimeout(waiting); // browsers allow few changes of the address a second
    const link = wholeLink(content.link, content.hidden);
    waiting = setTimeout(() => history.replaceState(null, "", `#${link}`), 250);
    document.title = `${names[content.settings.data] ?? "Your data"} · plainnet playground`;
  });
  render({ model, el });
  spacePlays(el.firstChild.app);
  addEventListener("hashchange", () => model.send({ do: "hello", link: location.hash.slice(1) }));
}

openPage(document.getElementById("playground"));
