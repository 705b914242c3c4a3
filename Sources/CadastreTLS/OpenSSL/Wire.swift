internal import COpenSSL
internal import NIOCore

/// OpenSSL's way to the socket: ciphertext is taken straight from what was read, and records are
/// appended to what will be sent, with no buffer between.
///
/// OpenSSL reads no further than the record it is at (`SSL_CTX_set_read_ahead` is off), so that
/// nothing is inside it when a handshake ends.
///
/// One of OpenSSL's own memory buffers each way costs one copy more, clears what it grows by, and
/// keeps the size of the largest batch.
@safe
final class Wire {
    /// A BIO (bio(7)) that reads and writes here.
    ///
    /// It holds no reference: whoever owns it ends it before `self`.
    let bio: OpaquePointer
    /// What OpenSSL may still take, within a call on it.
    private var input = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// What waits to be sent.
    private var output = ByteBuffer()

    /// Makes a BIO, which belongs to the caller.
    ///
    /// - Throws: `TLSError.library` if there is no memory.
    init() throws(TLSError) {
        guard let method = unsafe Self.method, let bio = unsafe BIO_new(method) else {
            throw LibraryError.failure("BIO_new")
        }
        unsafe self.bio = unsafe bio
        unsafe BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        unsafe BIO_set_init(bio, 1)
    }

    /// Calls OpenSSL, which may take up to `limit` of the buffer's readable bytes.
    ///
    /// What it has not taken stays in the buffer; what is missing it asks for again.
    func offering<Result>(
        _ ciphertext: inout ByteBuffer,
        limit: Int = .max,
        _ call: () -> Result
    ) -> Result {
        unsafe ciphertext.readWithUnsafeReadableBytes { bytes in
            let offered = min(bytes.count, limit)
            unsafe input = unsafe UnsafeRawBufferPointer(rebasing: bytes.prefix(offered))
            defer { unsafe input = UnsafeRawBufferPointer(start: nil, count: 0) }
            let result = call()
            return unsafe (offered - input.count, result)
        }
    }

    /// Takes the rest of what is offered as read, within a call on OpenSSL: it finds nothing more.
    func dropInput() {
        unsafe input = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// How many bytes wait to be sent.
    var outputBytes: Int { output.readableBytes }

    /// Makes room for so many bytes more to be sent.
    func reserveOutput(_ size: Int) {
        output.reserveCapacity(minimumWritableBytes: size)
    }

    /// Hands out everything that waits to be sent.
    func takeOutput() -> ByteBuffer {
        defer { output = ByteBuffer() }
        return output
    }

    // MARK: - What OpenSSL calls

    /// Made once for the process, and not changed afterwards.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let kind = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
        guard let method = unsafe BIO_meth_new(kind, "wire"),
            unsafe BIO_meth_set_read(method, { unsafe Wire.of($0)?.give($0, $1, $2) ?? -1 }) == 1,
            unsafe BIO_meth_set_write(method, { unsafe Wire.of($0)?.take($0, $1, $2) ?? -1 }) == 1,
            // A flush has nothing to do, as nothing is held back here; what else may be asked is
            // for a BIO that has a socket, an end, or another one behind it.
            unsafe BIO_meth_set_ctrl(method, { _, asked, _, _ in asked == BIO_CTRL_FLUSH ? 1 : 0 })
                == 1
        else { return nil }
        return unsafe method
    }()

    private static func of(_ bio: OpaquePointer?) -> Wire? {
        guard let reference = unsafe BIO_get_data(bio) else { return nil }
        return unsafe Unmanaged<Wire>.fromOpaque(reference).takeUnretainedValue()
    }

    private func give(
        _ bio: OpaquePointer?,
        _ target: UnsafeMutablePointer<CChar>?,
        _ room: Int32
    ) -> Int32 {
        let size = min(Int(room), unsafe input.count)
        guard size > 0, let target = unsafe target, let source = unsafe input.baseAddress else {
            unsafe cadastre_BIO_set_retry_read(bio)
            return -1
        }
        unsafe cadastre_BIO_clear_retry_flags(bio)
        unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: size)
        unsafe input = UnsafeRawBufferPointer(start: source + size, count: input.count - size)
        return Int32(size)
    }

    private func take(
        _ bio: OpaquePointer?,
        _ source: UnsafePointer<CChar>?,
        _ size: Int32
    ) -> Int32 {
        guard size > 0, let source = unsafe source else { return -1 }
        unsafe cadastre_BIO_clear_retry_flags(bio)
        unsafe output.writeBytes(UnsafeRawBufferPointer(start: source, count: Int(size)))
        return size
    }
}
