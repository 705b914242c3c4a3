internal import CadastreClient

/// An object for programs.
struct ObjectOutput: Encodable {
    /// A pair of metadata or a tag.
    struct Pair: Encodable {
        var name: NameOutput
        var value: NameOutput
    }

    var key: NameOutput
    var sequence: UInt64
    var size: UInt64
    var etag: NameOutput
    var modified_ms: UInt64
    var content_type: NameOutput
    var checksum_algorithm: String?
    var checksum: String?
    var metadata: [Pair]
    var tags: [Pair]
    var locations: NameOutput
    var applied_index: UInt64

    /// Takes an object, read at an applied index.
    init(_ object: StoredObject, appliedIndex: UInt64) {
        applied_index = appliedIndex
        key = NameOutput(object.key)
        sequence = object.sequence
        size = object.size
        etag = NameOutput(object.etag)
        modified_ms = object.modifiedMilliseconds
        content_type = NameOutput(object.contentType)
        checksum_algorithm = object.checksum.map { "\($0.algorithm)" }
        checksum = object.checksum.map { Hexadecimal.encode($0.value) }
        metadata = object.metadata.map { Pair(name: .init($0.name), value: .init($0.value)) }
        tags = object.tags.map { Pair(name: .init($0.name), value: .init($0.value)) }
        locations = NameOutput(object.locations)
    }
}
