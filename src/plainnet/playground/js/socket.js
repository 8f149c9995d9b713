// The model behind a page: messages go over a WebSocket to the session in Python.

// Bytes of a message: the length of its JSON, the JSON, and the buffers.
function packed(content, buffers) {
  const sizes = buffers.map((buffer) => buffer.byteLength);
  const head = new TextEncoder().encode(JSON.stringify({ content, sizes }));
  const bytes = new Uint8Array(4 + head.length + sizes.reduce((a, b) => a + b, 0));
  new DataView(bytes.buffer).setUint32(0, head.length, true);
  bytes.set(head, 4);
  let at = 4 + head.length;
  for (const buffer of buffers) {
    bytes.set(new Uint8Array(buffer), at);
    at += buffer.byteLength;
  }
  return bytes;
}

// The content and the buffers of such bytes.
function unpacked(bytes) {
  const view = new DataView(bytes);
  const length = view.getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(bytes, 4, length));
  const { content, sizes } = JSON.parse(text);
  let at = 4 + length;
  const buffers = sizes.map((size) => {
    at += size;
    return new DataView(bytes, at - size, size);
  });
  return { content, buffers };
}

export class SocketModel {
  constructor(address, link) {
    this.listeners = [];
    this.waiting = [];
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => {
      const { content, buffers } = unpacked(data);
      for (const listener of this.listeners) listener(content, buffers);
    };
    this.socket.onopen = () => {
      this.send({ do: "hello", link });
      for (const message of this.waiting) this.socket.send(message);
      this.waiting = [];
    };
    this.socket.onclose = () => {
      for (const listener of this.listeners) listener({ is: "closed" }, []);
    };
  }

  on(name, listener) {
    this.listeners.push(listener);
  }

  off(name, listener) {
    this.listeners = this.listeners.filter((each) => each !== listener);
  }

  send(content, callbacks, buffers = []) {
    const message = buffers.length ? packed(content, buffers) : JSON.stringify(content);
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(message);
    else if (this.socket.readyState === WebSocket.CONNECTING) this.waiting.push(message);
  }
}
