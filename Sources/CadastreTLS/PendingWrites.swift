internal import NIOCore

/// Plaintext on its way out: gathered into one run of bytes, so that a flush makes few records.
struct PendingWrites {
    /// What one flush covers.
    struct Batch {
        /// The bytes, in the order they were written.
        var bytes: ByteBuffer
        /// The promises of their writes.
        var promises: [EventLoopPromise<Void>]

        /// One promise for all of them; nil if nobody waits.
        func promise(on loop: any EventLoop) -> EventLoopPromise<Void>? {
            guard promises.count > 1 else { return promises.first }
            let promise = loop.makePromise(of: Void.self)
            promise.futureResult.whenComplete { [promises] result in
                for promise in promises { promise.completeWith(result) }
            }
            return promise
        }
    }

    private var gathered = ByteBuffer()
    private var promises: [EventLoopPromise<Void>] = []
    /// How much of the above was written before the last flush.
    private var flushedBytes = 0
    private var flushedPromises = 0

    /// How many bytes wait.
    var count: Int { gathered.readableBytes }

    /// Appends a write.
    mutating func append(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        if gathered.readableBytes == 0, bytes.readableBytes >= TLSLimits.sliceBytes {
            // A large write alone is not copied.
            gathered = bytes
        } else {
            gathered.writeImmutableBuffer(bytes)
        }
        if let promise { promises.append(promise) }
    }

    /// Marks everything written so far as to be sent.
    mutating func flush() {
        flushedBytes = gathered.readableBytes
        flushedPromises = promises.count
    }

    /// Hands out everything up to the last flush; nil if there is nothing.
    mutating func takeFlushed() -> Batch? {
        guard flushedBytes > 0 || flushedPromises > 0 else { return nil }
        defer {
            flushedBytes = 0
            flushedPromises = 0
        }
        if flushedBytes == gathered.readableBytes {
            let batch = Batch(bytes: gathered, promises: promises)
            gathered = ByteBuffer()
            promises = []
            return batch
        }
        let batch = Batch(
            bytes: gathered.readSlice(length: flushedBytes) ?? ByteBuffer(),
            promises: Array(promises.prefix(flushedPromises))
        )
        promises.removeFirst(flushedPromises)
        return batch
    }

    /// Takes back the storage of a batch whose bytes have been encrypted, for the next writes.
    mutating func reuse(_ storage: inout ByteBuffer) {
        guard gathered.readableBytes == 0, storage.capacity <= TLSLimits.maximumOutputBytes else {
            return
        }
        // Swapped, not assigned: a second reference would make `clear` allocate anew.
        swap(&gathered, &storage)
        gathered.clear()
    }

    /// Drops all bytes and hands out all promises, for the caller to fail.
    ///
    /// Not failed here: a promise may call back into a handler that then writes.
    mutating func takePromises() -> [EventLoopPromise<Void>] {
        let taken = promises
        self = PendingWrites()
        return taken
    }
}
