/* The control interface of Framecast, for C and C++: see control-interface.md beside it.
 *
 * Made by cargo xtask header from crates/protocol; changes belong there. Little-endian, the same for
 * 32-bit and 64-bit programs.
 */
#ifndef FRAMECAST_H
#define FRAMECAST_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* The name by which programs open the device. */
#define FRAMECAST_DEVICE "\\\\.\\Framecast"

/* UTF-16 units that a name in an AdapterRecord has room for. */
#define FRAMECAST_NAME_UNITS 128

/* How many counters there are. */
#define FRAMECAST_COUNTERS 16

/* What the next FrameHeader of a batch is aligned to, in bytes. */
#define FRAMECAST_FRAME_ALIGNMENT 8

/* FrameHeader::flags: this frame travels in the same NET_BUFFER_LIST as the frame before it.
 * Cheaper for the drivers below, and the frames of one list share one status. Only towards the
 * network, only where there is a frame before it, and for at most limits::LIST_FRAMES frames. */
#define FRAMECAST_JOINS_PREVIOUS 1

/* Bytes of input that one request may bring. */
#define FRAMECAST_LIMITS_REQUEST_BYTES 1048576

/* Frames that one Request::Inject may bring. */
#define FRAMECAST_LIMITS_BATCH_FRAMES 4096

/* Injections that may wait for frame buffers on one adapter at a time. */
#define FRAMECAST_LIMITS_PENDING_REQUESTS 64

/* Requests that may be under way on one handle at a time. */
#define FRAMECAST_LIMITS_HANDLE_REQUESTS 256

/* Frames that may join into one NET_BUFFER_LIST. */
#define FRAMECAST_LIMITS_LIST_FRAMES 64

/* Adapters that the driver serves. */
#define FRAMECAST_LIMITS_ADAPTERS 128

/* Taps that there may be at a time. */
#define FRAMECAST_LIMITS_TAPS 32

/* Bytes of the smallest buffer that a tap may have: the longest frame fits in its half, so that
 * it always fits somewhere. */
#define FRAMECAST_LIMITS_TAP_BUFFER_LEAST 262144

/* Bytes of the largest buffer that a tap may have. */
#define FRAMECAST_LIMITS_TAP_BUFFER_MOST 16777216

/* Mirrors that there may be at a time. */
#define FRAMECAST_LIMITS_MIRRORS 64

/* Instructions that a capture filter may have. */
#define FRAMECAST_LIMITS_FILTER_INSTRUCTIONS 4096

/* How many reasons there are. */
#define FRAMECAST_MIRROR_DROPS 7

/* The source is attached. */
#define FRAMECAST_MIRROR_STATE_SOURCE_PRESENT 256

/* The target is attached. */
#define FRAMECAST_MIRROR_STATE_TARGET_PRESENT 512

/* The handle that asks added it. */
#define FRAMECAST_MIRROR_STATE_OWN 1024

/* The version of this interface; a driver serves exactly one. */
#define FRAMECAST_PROTOCOL_VERSION 1

/* What the next TapRecord of a batch is aligned to, in bytes. */
#define FRAMECAST_RECORD_ALIGNMENT 8

/* Frames on their way to the network. */
#define FRAMECAST_COPIES_SENT 1

/* Frames on their way from the network. */
#define FRAMECAST_COPIES_RECEIVED 2

/* A tap: frames of these directions that Framecast itself originates, too. */
#define FRAMECAST_COPIES_OURS 4

/* A mirror: it stays when its handle is closed. */
#define FRAMECAST_COPIES_PERSISTENT 8

/* A mirror: its frames bear a tag of its own, in front of any other. */
#define FRAMECAST_COPIES_TAGGED 16

/* How many reasons there are. */
#define FRAMECAST_TAP_DROPS 2

/* It came from the network; else it goes there. */
#define FRAMECAST_RECORD_RECEIVED 1

/* Framecast originated it. */
#define FRAMECAST_RECORD_OURS 2

/* Its 802.1Q tag travelled out of band, and was put in. */
#define FRAMECAST_RECORD_TAG_INSERTED 4

/* A checksum was left to the adapter, and was completed. */
#define FRAMECAST_RECORD_CHECKSUM_COMPLETED 8

/* It was cut from a large send, as the adapter does. */
#define FRAMECAST_RECORD_SEGMENTED 16

/* It was cut from a coalesced receive: like what was on the wire, but for where it was cut. */
#define FRAMECAST_RECORD_UNCOALESCED 32

/* It is not what is on the wire: its headers do not allow what was left to the adapter. */
#define FRAMECAST_RECORD_INCOMPLETE 64

/* What a client can ask of the driver. */

/* Which driver and which protocol answer. */
#define FRAMECAST_REQUEST_VERSION 0x12e000u

/* The adapters that the driver is bound to. */
#define FRAMECAST_REQUEST_ADAPTERS 0x12e004u

/* What happened on one adapter, or on all. */
#define FRAMECAST_REQUEST_COUNTERS 0x12e008u

/* Originate a batch of frames on one adapter. */
#define FRAMECAST_REQUEST_INJECT 0x12e00cu

/* Begin to copy the frames of adapters; a handle has one tap at a time. */
#define FRAMECAST_REQUEST_TAP_START 0x12e010u

/* Read what the handle's tap has copied; waits until there is enough, or for a time. */
#define FRAMECAST_REQUEST_TAP_READ 0x12e014u

/* End the handle's tap. What was not read is lost. */
#define FRAMECAST_REQUEST_TAP_STOP 0x12e018u

/* Begin to send copies of one adapter's frames on another. */
#define FRAMECAST_REQUEST_MIRROR_ADD 0x12e01cu

/* End a mirror, whoever added it. */
#define FRAMECAST_REQUEST_MIRROR_REMOVE 0x12e020u

/* The mirrors that there are. */
#define FRAMECAST_REQUEST_MIRRORS 0x12e024u

/* The states of a filter module that a client can see. */

/* No frames can be injected. */
#define FRAMECAST_ADAPTER_STATE_PAUSED 0x0u

/* On the way from Paused to Running. */
#define FRAMECAST_ADAPTER_STATE_RESTARTING 0x1u

/* Frames can be injected. */
#define FRAMECAST_ADAPTER_STATE_RUNNING 0x2u

/* On the way from Running to Paused. */
#define FRAMECAST_ADAPTER_STATE_PAUSING 0x3u

/* Which way a frame leaves the driver. */

/* Down, to the network. */
#define FRAMECAST_DIRECTION_SEND 0x0u

/* Up, as if it had been received. */
#define FRAMECAST_DIRECTION_RECEIVE 0x1u

/* What the driver counts. A frame that was accepted for injection ends in exactly one of Sent,
 * Indicated and the reasons that start with Refused or Failed. */

/* Injected frames that the drivers below completed with success. */
#define FRAMECAST_REASON_SENT 0x0u

/* Injected frames that the drivers above returned. */
#define FRAMECAST_REASON_INDICATED 0x1u

/* Bytes of the frames under Sent and Indicated. */
#define FRAMECAST_REASON_BYTES 0x2u

/* Frames shorter than a link-layer header or longer than the adapter takes. */
#define FRAMECAST_REASON_REFUSED_LENGTH 0x3u

/* Frames that found the adapter not running, or that its pause overtook. */
#define FRAMECAST_REASON_REFUSED_PAUSED 0x4u

/* Frames for which NDIS had no memory. */
#define FRAMECAST_REASON_REFUSED_RESOURCES 0x5u

/* Frames whose request was cancelled before they left. */
#define FRAMECAST_REASON_REFUSED_CANCELLED 0x6u

/* Frames that the drivers below completed with another status than success. */
#define FRAMECAST_REASON_FAILED_BELOW 0x7u

/* Requests that were malformed, for no adapter, or beyond a limit. */
#define FRAMECAST_REASON_BAD_REQUESTS 0x8u

/* Passing sends that were completed because the module was not running. */
#define FRAMECAST_REASON_SENDS_REJECTED_PAUSED 0x9u

/* Passing receives that were returned because the module was not running. */
#define FRAMECAST_REASON_RECEIVES_REJECTED_PAUSED 0xau

/* Frames of this adapter that were copied to taps: once for each tap. */
#define FRAMECAST_REASON_TAPPED 0xbu

/* Frames of this adapter that a tap could not copy. */
#define FRAMECAST_REASON_TAP_DROPPED 0xcu

/* Copies for mirrors that the drivers below this adapter sent. */
#define FRAMECAST_REASON_MIRROR_SENT 0xdu

/* Frames that a mirror did not send: on the adapter whose frames they are, or, where the drivers
 * below failed them, on the one that was to send them. */
#define FRAMECAST_REASON_MIRROR_DROPPED 0xeu

/* Mirrors that were refused because their frames would have come back. */
#define FRAMECAST_REASON_MIRROR_LOOPS_REFUSED 0xfu

/* Why a tap did not copy a frame. */

/* The buffer was full: the reader is slower than the network. */
#define FRAMECAST_TAP_DROP_BUFFER_FULL 0x0u

/* The system had no memory to map the frame. */
#define FRAMECAST_TAP_DROP_UNREADABLE 0x1u

/* Why a mirror did not send a frame. */

/* The target is paused or gone; frames as the drivers saw them, cut or not, filtered or not. */
#define FRAMECAST_MIRROR_DROP_TARGET_AWAY 0x0u

/* All frame buffers of the target are in use: it is slower than the source. */
#define FRAMECAST_MIRROR_DROP_NO_BUFFERS 0x1u

/* The system had no memory, for NDIS or to map the frame. */
#define FRAMECAST_MIRROR_DROP_NO_MEMORY 0x2u

/* The frame is longer than the target takes, and is none that can be cut. */
#define FRAMECAST_MIRROR_DROP_TOO_LONG 0x3u

/* Framecast originated the frame, or NDIS looped it back, or the same frame came too often: a
 * copy could come back for ever. */
#define FRAMECAST_MIRROR_DROP_LOOP 0x4u

/* What was left to the adapter cannot be done by the frame's headers. */
#define FRAMECAST_MIRROR_DROP_INCOMPLETE 0x5u

/* The drivers below the target completed the copy with another status than success. */
#define FRAMECAST_MIRROR_DROP_FAILED_BELOW 0x6u

/* The start of every input. */
struct framecast_request_header {
    /* PROTOCOL_VERSION of the client. */
    uint32_t version;
    /* Zero. */
    uint32_t reserved;
};
static_assert(sizeof(struct framecast_request_header) == 8, "size");
static_assert(offsetof(struct framecast_request_header, version) == 0, "version");
static_assert(offsetof(struct framecast_request_header, reserved) == 4, "reserved");

/* The answer to Request::Version. */
struct framecast_version_reply {
    /* PROTOCOL_VERSION of the driver. */
    uint32_t protocol;
    /* The driver's own version: major, minor, patch. */
    uint16_t driver[3];
    /* The NDIS version that the driver registered with: major, minor. */
    uint8_t ndis[2];
};
static_assert(sizeof(struct framecast_version_reply) == 12, "size");
static_assert(offsetof(struct framecast_version_reply, protocol) == 0, "protocol");
static_assert(offsetof(struct framecast_version_reply, driver) == 4, "driver");
static_assert(offsetof(struct framecast_version_reply, ndis) == 10, "ndis");

/* The answer to Request::Adapters, before its records. */
struct framecast_adapters_reply {
    /* Adapters that the driver is bound to. */
    uint32_t total;
    /* Records that follow: fewer than total where the output has no room for more. */
    uint32_t returned;
    /* Bytes of one record. */
    uint32_t record_size;
    /* Zero. */
    uint32_t reserved;
};
static_assert(sizeof(struct framecast_adapters_reply) == 16, "size");
static_assert(offsetof(struct framecast_adapters_reply, total) == 0, "total");
static_assert(offsetof(struct framecast_adapters_reply, returned) == 4, "returned");
static_assert(offsetof(struct framecast_adapters_reply, record_size) == 8, "record_size");
static_assert(offsetof(struct framecast_adapters_reply, reserved) == 12, "reserved");

/* One adapter that the driver is bound to. */
struct framecast_adapter_record {
    /* The adapter's NET_LUID: how requests name it. */
    uint64_t luid;
    /* The adapter's interface index. */
    uint32_t if_index;
    /* NDIS_MEDIUM. */
    uint32_t media;
    /* The largest payload of a frame, in bytes, without the link-layer header. */
    uint32_t mtu;
    /* The largest frame that Request::Inject takes, in bytes, without a VLAN tag; a tagged frame
     * may have four more. */
    uint32_t max_frame;
    /* AdapterState as a number. */
    uint32_t state;
    /* Bytes in front of a frame that the drivers below asked for. */
    uint32_t data_backfill;
    /* Bytes of NET_BUFFER_LIST context that the drivers below asked for. */
    uint32_t context_backfill;
    /* Frame buffers that the module holds. */
    uint32_t frame_buffers;
    /* Frame buffers that are not in use now. */
    uint32_t frame_buffers_free;
    /* How often the pools were made anew because the restart attributes had changed. */
    uint32_t pool_rebuilds;
    /* Pools that the module holds now. */
    uint32_t pools;
    /* Bytes of mac_address that count. */
    uint32_t mac_address_length;
    /* The current link-layer address. */
    uint8_t mac_address[32];
    /* UTF-16 units of guid that count. */
    uint16_t guid_units;
    /* UTF-16 units of name that count. */
    uint16_t name_units;
    /* Zero. */
    uint32_t reserved;
    /* The adapter's GUID in braces, UTF-16. */
    uint16_t guid[FRAMECAST_NAME_UNITS];
    /* The adapter's friendly name, UTF-16. */
    uint16_t name[FRAMECAST_NAME_UNITS];
};
static_assert(sizeof(struct framecast_adapter_record) == 608, "size");
static_assert(offsetof(struct framecast_adapter_record, luid) == 0, "luid");
static_assert(offsetof(struct framecast_adapter_record, if_index) == 8, "if_index");
static_assert(offsetof(struct framecast_adapter_record, media) == 12, "media");
static_assert(offsetof(struct framecast_adapter_record, mtu) == 16, "mtu");
static_assert(offsetof(struct framecast_adapter_record, max_frame) == 20, "max_frame");
static_assert(offsetof(struct framecast_adapter_record, state) == 24, "state");
static_assert(offsetof(struct framecast_adapter_record, data_backfill) == 28, "data_backfill");
static_assert(offsetof(struct framecast_adapter_record, context_backfill) == 32, "context_backfill");
static_assert(offsetof(struct framecast_adapter_record, frame_buffers) == 36, "frame_buffers");
static_assert(offsetof(struct framecast_adapter_record, frame_buffers_free) == 40, "frame_buffers_free");
static_assert(offsetof(struct framecast_adapter_record, pool_rebuilds) == 44, "pool_rebuilds");
static_assert(offsetof(struct framecast_adapter_record, pools) == 48, "pools");
static_assert(offsetof(struct framecast_adapter_record, mac_address_length) == 52, "mac_address_length");
static_assert(offsetof(struct framecast_adapter_record, mac_address) == 56, "mac_address");
static_assert(offsetof(struct framecast_adapter_record, guid_units) == 88, "guid_units");
static_assert(offsetof(struct framecast_adapter_record, name_units) == 90, "name_units");
static_assert(offsetof(struct framecast_adapter_record, reserved) == 92, "reserved");
static_assert(offsetof(struct framecast_adapter_record, guid) == 96, "guid");
static_assert(offsetof(struct framecast_adapter_record, name) == 352, "name");

/* The input of Request::Counters. */
struct framecast_counters_request {
    /* Version. */
    struct framecast_request_header header;
    /* The adapter; zero for the sum over the driver's life, adapters that are gone included. */
    uint64_t luid;
};
static_assert(sizeof(struct framecast_counters_request) == 16, "size");
static_assert(offsetof(struct framecast_counters_request, header) == 0, "header");
static_assert(offsetof(struct framecast_counters_request, luid) == 8, "luid");

/* The answer to Request::Counters. */
struct framecast_counters_reply {
    /* One value for each Reason, in the order of Reason::ALL. */
    uint64_t values[FRAMECAST_COUNTERS];
};
static_assert(sizeof(struct framecast_counters_reply) == 128, "size");
static_assert(offsetof(struct framecast_counters_reply, values) == 0, "values");

/* The input of Request::Inject, before its frames. */
struct framecast_inject_request {
    /* Version. */
    struct framecast_request_header header;
    /* The adapter. */
    uint64_t luid;
    /* Direction as a number. */
    uint32_t direction;
    /* Frames that follow: at least one, at most limits::BATCH_FRAMES. */
    uint32_t frames;
};
static_assert(sizeof(struct framecast_inject_request) == 24, "size");
static_assert(offsetof(struct framecast_inject_request, header) == 0, "header");
static_assert(offsetof(struct framecast_inject_request, luid) == 8, "luid");
static_assert(offsetof(struct framecast_inject_request, direction) == 16, "direction");
static_assert(offsetof(struct framecast_inject_request, frames) == 20, "frames");

/* What stands before the bytes of each frame. */
struct framecast_frame_header {
    /* Bytes of the frame, from the link-layer header on, without frame check sequence. */
    uint32_t length;
    /* JOINS_PREVIOUS or zero. */
    uint32_t flags;
};
static_assert(sizeof(struct framecast_frame_header) == 8, "size");
static_assert(offsetof(struct framecast_frame_header, length) == 0, "length");
static_assert(offsetof(struct framecast_frame_header, flags) == 4, "flags");

/* The answer to Request::Inject, before its statuses. Statuses are NDIS statuses: success;
 * STATUS_NDIS_INVALID_LENGTH for a frame that the adapter does not take; STATUS_NDIS_PAUSED for
 * one that found the adapter not running; STATUS_INSUFFICIENT_RESOURCES; or what the drivers
 * below completed it with. */
struct framecast_inject_reply {
    /* Statuses that follow: one for each frame of the request. */
    uint32_t frames;
    /* Zero. */
    uint32_t reserved;
};
static_assert(sizeof(struct framecast_inject_reply) == 8, "size");
static_assert(offsetof(struct framecast_inject_reply, frames) == 0, "frames");
static_assert(offsetof(struct framecast_inject_reply, reserved) == 4, "reserved");

/* One instruction of a capture filter: struct bpf_insn, as libpcap compiles it for Ethernet. The
 * filter sees the frame as it is on the wire, whole, whatever the snap length. */
struct framecast_filter_instruction {
    /* What it does. */
    uint16_t code;
    /* Instructions to skip if a condition holds. */
    uint8_t jump_true;
    /* Instructions to skip if it does not. */
    uint8_t jump_false;
    /* Its operand. */
    uint32_t operand;
};
static_assert(sizeof(struct framecast_filter_instruction) == 8, "size");
static_assert(offsetof(struct framecast_filter_instruction, code) == 0, "code");
static_assert(offsetof(struct framecast_filter_instruction, jump_true) == 2, "jump_true");
static_assert(offsetof(struct framecast_filter_instruction, jump_false) == 3, "jump_false");
static_assert(offsetof(struct framecast_filter_instruction, operand) == 4, "operand");

/* The input of Request::TapStart, before the LUIDs of its adapters and the instructions of its
 * filter. */
struct framecast_tap_request {
    /* Version. */
    struct framecast_request_header header;
    /* What to copy: flags of copies, at least one direction. */
    uint32_t flags;
    /* Bytes to copy of each frame at most: at least one. */
    uint32_t snap_length;
    /* Bytes of the buffer that frames wait in until they are read: from limits::TAP_BUFFER_LEAST
     * to limits::TAP_BUFFER_MOST. */
    uint32_t buffer_bytes;
    /* A read is answered as soon as so many bytes of records wait: at most half of the buffer.
     * What another processor is still writing counts, but is not in the answer, nor is what is
     * behind it: there may be no record in it. */
    uint32_t wake_bytes;
    /* A read is answered after so many milliseconds in any case; u32::MAX for never. */
    uint32_t timeout_milliseconds;
    /* LUIDs that follow, 64 bits each: at most limits::ADAPTERS; none for every adapter, those
     * that come later included. */
    uint32_t adapters;
    /* FilterInstructions that follow: at most limits::FILTER_INSTRUCTIONS; none to copy all. */
    uint32_t instructions;
    /* Zero. */
    uint32_t reserved;
};
static_assert(sizeof(struct framecast_tap_request) == 40, "size");
static_assert(offsetof(struct framecast_tap_request, header) == 0, "header");
static_assert(offsetof(struct framecast_tap_request, flags) == 8, "flags");
static_assert(offsetof(struct framecast_tap_request, snap_length) == 12, "snap_length");
static_assert(offsetof(struct framecast_tap_request, buffer_bytes) == 16, "buffer_bytes");
static_assert(offsetof(struct framecast_tap_request, wake_bytes) == 20, "wake_bytes");
static_assert(offsetof(struct framecast_tap_request, timeout_milliseconds) == 24, "timeout_milliseconds");
static_assert(offsetof(struct framecast_tap_request, adapters) == 28, "adapters");
static_assert(offsetof(struct framecast_tap_request, instructions) == 32, "instructions");
static_assert(offsetof(struct framecast_tap_request, reserved) == 36, "reserved");

/* The answer to Request::TapStart. */
struct framecast_tap_reply {
    /* Bytes that the buffer has. */
    uint32_t buffer_bytes;
    /* Adapters that are tapped now. */
    uint32_t adapters;
    /* What timestamps are multiples of, in nanoseconds. */
    uint32_t timestamp_nanoseconds;
    /* Zero. */
    uint32_t reserved;
};
static_assert(sizeof(struct framecast_tap_reply) == 16, "size");
static_assert(offsetof(struct framecast_tap_reply, buffer_bytes) == 0, "buffer_bytes");
static_assert(offsetof(struct framecast_tap_reply, adapters) == 4, "adapters");
static_assert(offsetof(struct framecast_tap_reply, timestamp_nanoseconds) == 8, "timestamp_nanoseconds");
static_assert(offsetof(struct framecast_tap_reply, reserved) == 12, "reserved");

/* The answer to Request::TapRead and Request::TapStop, before its records; counters since the
 * start. */
struct framecast_tap_batch {
    /* Records that follow. */
    uint32_t records;
    /* Their bytes. */
    uint32_t bytes;
    /* Frames that were copied, those that still wait included. */
    uint64_t copied;
    /* Frames that the filter did not want. */
    uint64_t filtered;
    /* Frames that were not copied, for each TapDrop, in the order of TapDrop::ALL. */
    uint64_t dropped[FRAMECAST_TAP_DROPS];
};
static_assert(sizeof(struct framecast_tap_batch) == 40, "size");
static_assert(offsetof(struct framecast_tap_batch, records) == 0, "records");
static_assert(offsetof(struct framecast_tap_batch, bytes) == 4, "bytes");
static_assert(offsetof(struct framecast_tap_batch, copied) == 8, "copied");
static_assert(offsetof(struct framecast_tap_batch, filtered) == 16, "filtered");
static_assert(offsetof(struct framecast_tap_batch, dropped) == 24, "dropped");

/* What stands before the bytes of each frame. */
struct framecast_tap_record {
    /* Bytes of this record, padding included: a multiple of RECORD_ALIGNMENT. */
    uint32_t size;
    /* Flags of record. */
    uint32_t flags;
    /* When the driver saw the frame: 100-nanosecond intervals since 1601 in UTC, as
     * KeQuerySystemTimePrecise tells them. Frames that came in one call have the same. */
    uint64_t timestamp;
    /* The adapter. */
    uint64_t luid;
    /* Bytes of the frame on the wire, without frame check sequence. */
    uint32_t length;
    /* Bytes that follow: fewer where the snap length cut it. */
    uint32_t captured;
    /* Frames that were lost since the record before this one. */
    uint32_t lost;
    /* Zero. */
    uint32_t reserved;
};
static_assert(sizeof(struct framecast_tap_record) == 40, "size");
static_assert(offsetof(struct framecast_tap_record, size) == 0, "size");
static_assert(offsetof(struct framecast_tap_record, flags) == 4, "flags");
static_assert(offsetof(struct framecast_tap_record, timestamp) == 8, "timestamp");
static_assert(offsetof(struct framecast_tap_record, luid) == 16, "luid");
static_assert(offsetof(struct framecast_tap_record, length) == 24, "length");
static_assert(offsetof(struct framecast_tap_record, captured) == 28, "captured");
static_assert(offsetof(struct framecast_tap_record, lost) == 32, "lost");
static_assert(offsetof(struct framecast_tap_record, reserved) == 36, "reserved");

/* The input of Request::MirrorAdd, before the FilterInstructions of its filter. */
struct framecast_mirror_request {
    /* Version. */
    struct framecast_request_header header;
    /* The adapter whose frames are copied. */
    uint64_t source;
    /* The adapter that sends the copies. */
    uint64_t target;
    /* What to copy: flags of copies, at least one direction. */
    uint32_t flags;
    /* Bytes to copy of each frame at most, the mirror's own tag not counted: at least a
     * link-layer header, 14. */
    uint32_t snap_length;
    /* With copies::TAGGED: the tag control information of the tag. */
    uint16_t tag;
    /* Zero. */
    uint16_t reserved;
    /* Instructions that follow, of a filter that sees frames without the mirror's own tag: at
     * most limits::FILTER_INSTRUCTIONS; none to copy all. */
    uint32_t instructions;
};
static_assert(sizeof(struct framecast_mirror_request) == 40, "size");
static_assert(offsetof(struct framecast_mirror_request, header) == 0, "header");
static_assert(offsetof(struct framecast_mirror_request, source) == 8, "source");
static_assert(offsetof(struct framecast_mirror_request, target) == 16, "target");
static_assert(offsetof(struct framecast_mirror_request, flags) == 24, "flags");
static_assert(offsetof(struct framecast_mirror_request, snap_length) == 28, "snap_length");
static_assert(offsetof(struct framecast_mirror_request, tag) == 32, "tag");
static_assert(offsetof(struct framecast_mirror_request, reserved) == 34, "reserved");
static_assert(offsetof(struct framecast_mirror_request, instructions) == 36, "instructions");

/* The answer to Request::MirrorAdd. */
struct framecast_mirror_reply {
    /* How requests name the mirror; never zero, and never used again. */
    uint64_t id;
};
static_assert(sizeof(struct framecast_mirror_reply) == 8, "size");
static_assert(offsetof(struct framecast_mirror_reply, id) == 0, "id");

/* The input of Request::MirrorRemove. */
struct framecast_mirror_remove_request {
    /* Version. */
    struct framecast_request_header header;
    /* The mirror. */
    uint64_t id;
};
static_assert(sizeof(struct framecast_mirror_remove_request) == 16, "size");
static_assert(offsetof(struct framecast_mirror_remove_request, header) == 0, "header");
static_assert(offsetof(struct framecast_mirror_remove_request, id) == 8, "id");

/* The answer to Request::Mirrors, before its records. */
struct framecast_mirrors_reply {
    /* Mirrors that there are. */
    uint32_t total;
    /* Records that follow: fewer than total where the output has no room for more. */
    uint32_t returned;
    /* Bytes of one record. */
    uint32_t record_size;
    /* Zero. */
    uint32_t reserved;
};
static_assert(sizeof(struct framecast_mirrors_reply) == 16, "size");
static_assert(offsetof(struct framecast_mirrors_reply, total) == 0, "total");
static_assert(offsetof(struct framecast_mirrors_reply, returned) == 4, "returned");
static_assert(offsetof(struct framecast_mirrors_reply, record_size) == 8, "record_size");
static_assert(offsetof(struct framecast_mirrors_reply, reserved) == 12, "reserved");

/* One mirror. */
struct framecast_mirror_record {
    /* How requests name it. */
    uint64_t id;
    /* The adapter whose frames are copied. */
    uint64_t source;
    /* The adapter that sends the copies. */
    uint64_t target;
    /* Flags of copies and of mirror_state. */
    uint32_t flags;
    /* Bytes to copy of each frame at most. */
    uint32_t snap_length;
    /* The tag control information of its tag. */
    uint16_t tag;
    /* Zero. */
    uint16_t reserved;
    /* Instructions of its filter. */
    uint32_t instructions;
    /* Copies that the drivers below the target sent. */
    uint64_t sent;
    /* Bytes of these. */
    uint64_t bytes;
    /* Frames that the filter did not want. */
    uint64_t filtered;
    /* Frames that were not sent, for each MirrorDrop, in the order of MirrorDrop::ALL. */
    uint64_t dropped[FRAMECAST_MIRROR_DROPS];
};
static_assert(sizeof(struct framecast_mirror_record) == 120, "size");
static_assert(offsetof(struct framecast_mirror_record, id) == 0, "id");
static_assert(offsetof(struct framecast_mirror_record, source) == 8, "source");
static_assert(offsetof(struct framecast_mirror_record, target) == 16, "target");
static_assert(offsetof(struct framecast_mirror_record, flags) == 24, "flags");
static_assert(offsetof(struct framecast_mirror_record, snap_length) == 28, "snap_length");
static_assert(offsetof(struct framecast_mirror_record, tag) == 32, "tag");
static_assert(offsetof(struct framecast_mirror_record, reserved) == 34, "reserved");
static_assert(offsetof(struct framecast_mirror_record, instructions) == 36, "instructions");
static_assert(offsetof(struct framecast_mirror_record, sent) == 40, "sent");
static_assert(offsetof(struct framecast_mirror_record, bytes) == 48, "bytes");
static_assert(offsetof(struct framecast_mirror_record, filtered) == 56, "filtered");
static_assert(offsetof(struct framecast_mirror_record, dropped) == 64, "dropped");

#endif
