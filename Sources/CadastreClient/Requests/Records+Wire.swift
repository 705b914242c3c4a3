internal import CadastreProtocol

// The protocol's values as the public ones, and back.

extension Quota {
    init(_ quota: CadastreProtocol.Quota) {
        self.init(bytes: quota.bytes, objects: quota.objects, buckets: quota.buckets)
    }

    var wire: CadastreProtocol.Quota {
        .init(bytes: bytes, objects: objects, buckets: buckets)
    }
}

extension Usage {
    init(_ usage: CadastreProtocol.Usage) {
        self.init(buckets: usage.buckets, objects: usage.objects, bytes: usage.bytes)
    }
}

extension Tenant {
    init(_ record: TenantRecord) {
        self.init(
            id: record.id.value,
            name: record.name,
            isSuspended: record.status == .suspended,
            quota: Quota(record.quota),
            createdMilliseconds: record.createdMilliseconds,
            usage: Usage(record.usage)
        )
    }
}

extension Bucket {
    init(_ record: BucketRecord) {
        self.init(
            id: record.id.value,
            name: record.name,
            createdMilliseconds: record.createdMilliseconds,
            epoch: record.epoch,
            usage: Usage(record.usage)
        )
    }
}

extension Attribute {
    init(_ attribute: CadastreProtocol.Attribute) {
        self.init(name: attribute.name, value: attribute.value)
    }

    /// In the order that the protocol asks for.
    static func wire(_ attributes: [Attribute]) -> [CadastreProtocol.Attribute] {
        guard !attributes.isEmpty else { return [] }
        return
            attributes
            .sorted { $0.name.lexicographicallyPrecedes($1.name) }
            .map { .init(name: $0.name, value: $0.value) }
    }
}

extension Checksum {
    init(_ checksum: CadastreProtocol.Checksum) {
        let algorithm: Algorithm =
            switch checksum.algorithm {
            case .crc32c: .crc32c
            case .sha256: .sha256
            case .sha1: .sha1
            case .crc64nvme: .crc64nvme
            }
        self.init(algorithm, checksum.value)
    }

    var wire: CadastreProtocol.Checksum {
        let algorithm: CadastreProtocol.Checksum.Algorithm =
            switch algorithm {
            case .crc32c: .crc32c
            case .sha256: .sha256
            case .sha1: .sha1
            case .crc64nvme: .crc64nvme
            }
        return .init(algorithm: algorithm, value: value)
    }
}

extension StoredObject {
    init(_ record: ObjectRecord) {
        self.init(
            key: record.key,
            sequence: record.sequence,
            size: record.size,
            etag: record.etag,
            modifiedMilliseconds: record.modifiedMilliseconds,
            contentType: record.contentType,
            checksum: record.checksum.map { Checksum($0) },
            metadata: record.metadata.map { Attribute($0) },
            tags: record.tags.map { Attribute($0) },
            locations: record.locations
        )
    }
}

extension ListedItem {
    init(_ item: ListItem) {
        switch item {
        case .object(let key, let sequence, let size, let etag, let modifiedMilliseconds):
            self = .object(
                ListedObject(
                    key: key,
                    sequence: sequence,
                    size: size,
                    etag: etag,
                    modifiedMilliseconds: modifiedMilliseconds
                )
            )
        case .commonPrefix(let prefix): self = .commonPrefix(prefix)
        }
    }
}
