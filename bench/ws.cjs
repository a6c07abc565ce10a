// ws (Node) as its own README broadcasts: `send` to each client in turn. Speaks as peers.py does.
// Where it was installed (`npm install ws`) is told by NODE_PATH.
'use strict';
const { WebSocketServer, WebSocket } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
server.on('listening', () => console.log(`serving ${server.address().port}`));

/** A text of `size` bytes with a number and this moment in it. */
function message(number, size) {
  const ns = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  const text = `{"type":"change","event":"n=${number};t=${ns};","filling":"`;
  return text + 'x'.repeat(size - text.length - 2) + '"}';
}

async function publish(first, count, perSecond, size) {
  const begun = performance.now();
  for (let number = first; number < first + count; number++) {
    const left = perSecond ? begun + ((number - first) * 1000) / perSecond - performance.now() : 0;
    await new Promise((go) => (left > 0 ? setTimeout(go, left) : setImmediate(go)));
    const text = message(number, size);
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(text);
    }
  }
  console.log('published');
}

process.stdin.setEncoding('utf8');
process.stdin.on('data', (line) => publish(...line.trim().split(' ').slice(1).map(Number)));
process.stdin.on('end', () => process.exit(0));
