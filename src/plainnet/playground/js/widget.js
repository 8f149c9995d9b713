// The view in a notebook, through anywidget: its model is the transport.

import { render } from "./main.js";

// Fill `el`, and stop training when it goes.
export function renderWidget({ model, el }) {
  const clean = render({ model, el });
  model.send({ do: "hello" });
  return () => {
    model.send({ do: "pause" });
    clean();
  };
}

export default { render: renderWidget };
