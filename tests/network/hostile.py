"""A libp2p client that does what no honest peer does. Each act runs to its end on a trio of its own."""

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as new_noise_keys
from libp2p.custom_types import TProtocol
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.security.insecure.transport import PLAINTEXT_PROTOCOL_ID, InsecureTransport
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.tools.anyio_service import background_trio_service
from libp2p.utils import encode_varint_prefixed
from multiaddr import Multiaddr

LOOPBACK = Multiaddr("/ip4/127.0.0.1/tcp/0")
MESHSUB = TProtocol("/meshsub/1.1.0")
SECONDS = 8


def noise(keys):
    return {NOISE: Noise(keys, noise_privkey=new_noise_keys().private_key)}


def plaintext(keys):
    return {PLAINTEXT_PROTOCOL_ID: InsecureTransport(keys)}


def new_client(security, keys):
    return new_host(key_pair=keys, sec_opt=security(keys), muxer_opt={TProtocol(YAMUX): Yamux}, listen_addrs=[LOOPBACK])


def dial(address, act=None, *, security=noise, seed=None):
    """Connect, do something, hang up: what `act` returns, or the exception."""
    keys = create_new_key_pair(seed)

    async def main():
        client = new_client(security, keys)
        async with client.run([LOOPBACK]):
            info = info_from_p2p_addr(Multiaddr(address))
            try:
                with trio.fail_after(SECONDS):
                    await client.connect(info)
                    return await act(client, info.peer_id) if act else "connected"
            except Exception as error:
                return error

    return trio.run(main)


def writes(protocol, data, wait=0.1):
    """An act: these bytes on a new stream."""

    async def act(client, peer):
        stream = await client.new_stream(peer, [protocol])
        if data:
            await stream.write(data)
        await trio.sleep(wait)
        return "written"

    return act


def writes_beneath(data):
    """An act: these bytes where Yamux expects its own."""

    async def act(client, peer):
        (connection, *_) = client.get_network().get_connections(peer)
        await connection.muxed_conn.secured_conn.write(data)
        await trio.sleep(0.2)
        return "written"

    return act


def publishes(make_rpc):
    """An act: this remote call of gossipsub, made for the client's own identity."""

    async def act(client, peer):
        stream = await client.new_stream(peer, [MESHSUB])
        await stream.write(encode_varint_prefixed(make_rpc(client.get_id().to_bytes()).SerializeToString()))
        await trio.sleep(0.1)
        return "written"

    return act


def joins_and_publishes(address, topic, messages):
    """An act: these messages, signed and published as gossip should be."""

    async def act(client, peer):
        router = GossipSub([MESHSUB], 6, 4, 12, heartbeat_interval=1)
        pubsub = Pubsub(client, router, strict_signing=True)
        async with background_trio_service(pubsub), background_trio_service(router):
            await pubsub.wait_until_ready()
            await pubsub.subscribe(topic)
            await client.disconnect(peer)  # it was connected before it spoke gossip
            await client.connect(info_from_p2p_addr(Multiaddr(address)))
            await trio.sleep(1.5)
            for data in messages:
                await pubsub.publish(topic, data)
                await trio.sleep(0.05)
            await trio.sleep(0.3)
        pubsub.seen_messages.stop()
        return "published"

    return act
