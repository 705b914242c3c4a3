internal import CLZ4

/// LZ4 blocks through the system's liblz4: no frames, no streams.
///
/// The output may differ between versions of the library; only the leader compresses, and its bytes
/// go everywhere.
enum LZ4 {
    /// The dictionary that is used for new blocks.
    static let currentDictionary: UInt16 = 1

    /// Whether this program has the dictionary of this number.
    static func has(dictionary: UInt16) -> Bool { LoadedDictionary.numbered(dictionary) != nil }

    /// The compressed bytes, or `nil` if they are not fewer.
    ///
    /// Dictionary 0 is none.
    static func compress(_ raw: [UInt8], dictionary: UInt16) -> [UInt8]? {
        // Room for one byte less than there is: the library stops when it does not fit.
        guard raw.count > 16, let source = LoadedDictionary.numbered(dictionary) else { return nil }
        let capacity = raw.count - 1
        let compressed = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { target, count in
            let size = unsafe raw.withUnsafeBytes { input in
                unsafe target.withMemoryRebound(to: CChar.self) { target in
                    unsafe source.compress(
                        input.bindMemory(to: CChar.self),
                        into: target
                    )
                }
            }
            count = max(0, size)
        }
        return compressed.isEmpty ? nil : compressed
    }

    /// Exactly `size` bytes from the compressed ones in `range`, or `nil` if they are anything
    /// else.
    ///
    /// Never reads or writes outside of the two buffers.
    static func decompress(
        _ bytes: [UInt8],
        _ range: Range<Int>,
        size: Int,
        dictionary: UInt16
    ) -> [UInt8]? {
        guard let source = LoadedDictionary.numbered(dictionary) else { return nil }
        let raw = unsafe [UInt8](unsafeUninitializedCapacity: size) { target, count in
            let size = unsafe bytes.withUnsafeBytes { input in
                unsafe target.withMemoryRebound(to: CChar.self) { target in
                    unsafe source.decompress(
                        UnsafeRawBufferPointer(rebasing: input[range])
                            .bindMemory(to: CChar.self),
                        into: target
                    )
                }
            }
            count = max(0, size)
        }
        return raw.count == size ? raw : nil
    }
}

/// A dictionary and the compressor's state after having read it.
///
/// Loading costs more than a small command; so it is done once and the state is copied for each
/// block.
@safe
private struct LoadedDictionary: @unchecked Sendable {
    // Sendable because nothing here changes after it is made, and it is never freed.
    private let bytes: UnsafeRawBufferPointer
    private let state: UnsafePointer<LZ4_stream_t>

    private static let none = LoadedDictionary([])
    private static let first = LoadedDictionary(CompressionDictionary.first)

    /// The dictionary of this number, if there is one; 0 is the empty one.
    static func numbered(_ number: UInt16) -> LoadedDictionary? {
        switch number {
        case 0: none
        case 1: first
        default: nil
        }
    }

    private init(_ content: [UInt8]) {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, content.count),
            alignment: 8
        )
        unsafe memory.copyBytes(from: content)
        unsafe bytes = UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(memory)[..<content.count]
        )
        guard let stream = unsafe LZ4_createStream() else {
            preconditionFailure("no memory for a compressor")
        }
        if !content.isEmpty {
            unsafe LZ4_loadDict(
                stream,
                bytes.bindMemory(to: CChar.self).baseAddress,
                Int32(content.count)
            )
        }
        unsafe state = UnsafePointer(stream)
    }

    func compress(
        _ input: UnsafeBufferPointer<CChar>,
        into target: UnsafeMutableBufferPointer<CChar>
    ) -> Int {
        guard unsafe !bytes.isEmpty else {
            return unsafe Int(
                LZ4_compress_default(
                    input.baseAddress,
                    target.baseAddress,
                    Int32(input.count),
                    Int32(target.count)
                )
            )
        }
        return unsafe withUnsafeTemporaryAllocation(of: LZ4_stream_t.self, capacity: 1) { copy in
            guard let stream = copy.baseAddress else { return 0 }
            unsafe stream.initialize(from: state, count: 1)
            return unsafe Int(
                LZ4_compress_fast_continue(
                    stream,
                    input.baseAddress,
                    target.baseAddress,
                    Int32(input.count),
                    Int32(target.count),
                    1
                )
            )
        }
    }

    func decompress(
        _ input: UnsafeBufferPointer<CChar>,
        into target: UnsafeMutableBufferPointer<CChar>
    ) -> Int {
        unsafe Int(
            LZ4_decompress_safe_usingDict(
                input.baseAddress,
                target.baseAddress,
                Int32(input.count),
                Int32(target.count),
                bytes.bindMemory(to: CChar.self).baseAddress,
                Int32(bytes.count)
            )
        )
    }
}
