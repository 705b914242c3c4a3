internal import CadastreProtocol
internal import NIOCore

/// Waits for the 96 bytes with which the other end of a connection begins.
struct GreetingReader {
    private var bytes: [UInt8] = []

    /// Whether a first byte has come.
    var hasBegun: Bool { !bytes.isEmpty }

    /// Takes what belongs to the greeting; the rest stays in the buffer.
    ///
    /// - Returns: The greeting once it is whole.
    /// - Throws: `ProtocolError` as soon as it cannot be one.
    mutating func read(_ buffer: inout ByteBuffer) throws(ProtocolError) -> Greeting? {
        let wanted = min(Greeting.size - bytes.count, buffer.readableBytes)
        bytes += buffer.readBytes(length: wanted) ?? []
        // What does not begin as a greeting is refused before all of it has come.
        for (byte, expected) in zip(bytes, Self.magic) where byte != expected {
            throw ProtocolError(.malformed, "the other end does not speak this protocol")
        }
        guard bytes.count == Greeting.size else { return nil }
        return try Greeting(decoding: bytes)
    }

    /// The first byte of every greeting; on the administration listener it tells ours from HTTP.
    static let firstByte = UInt8(ascii: "C")
    private static let magic = Array("CADASTRE".utf8)
}

extension ByteBuffer {
    /// A buffer with these bytes.
    init(copying bytes: [UInt8], _ allocator: ByteBufferAllocator) {
        self = allocator.buffer(capacity: bytes.count)
        writeBytes(bytes)
    }
}

extension Span<UInt8> {
    /// A copy of the bytes.
    func copied() -> [UInt8] {
        unsafe withUnsafeBufferPointer { unsafe Array($0) }
    }
}
