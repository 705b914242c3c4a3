internal import CadastreProtocol

/// By what a slot tells a retry from another command under the same sequence: a hash of the tenant
/// and of every field of the command.
enum CommandHash {
    /// The hash; stored, so neither the order of fields nor the tags ever change.
    static func of(_ envelope: CommandEnvelope, key: RowHashKey) -> UInt64 {
        var hasher = RowHasher(key: key, tag: 1_000 + UInt64(envelope.command.tag.rawValue))
        hasher.combine(envelope.tenant.value)
        switch envelope.command {
        case .createTenant(let command): combine(command.name, command.quota, into: &hasher)
        case .updateTenant(let command): combine(command.name, command.quota, into: &hasher)
        case .setTenantStatus(let command):
            hasher.combine(command.name)
            hasher.combine(UInt64(command.status.rawValue))
        case .deleteTenant(let command): hasher.combine(command.name)
        case .grantService(let command):
            hasher.combine(command.tenant)
            hasher.combine(command.service)
        case .revokeService(let command):
            hasher.combine(command.tenant)
            hasher.combine(command.service)
        case .createBucket(let command): hasher.combine(command.name)
        case .deleteBucket(let command): hasher.combine(command.name)
        case .putObject(let command): combine(command, into: &hasher)
        case .deleteObject(let command): combine(command, into: &hasher)
        case .batch(let command):
            hasher.combine(UInt64(command.operations.count))
            let operations = command.operations.span
            for place in operations.indices {
                switch operations[place] {
                case .put(let put):
                    hasher.combine(1 as UInt64)
                    combine(put, into: &hasher)
                case .delete(let delete):
                    hasher.combine(2 as UInt64)
                    combine(delete, into: &hasher)
                }
            }
        case .openSession(let command): hasher.combine(UInt64(command.slots))
        case .expireSession(let command): hasher.combine(command.session)
        case .tick(let command):
            for sample in command.samples {
                hasher.combine(sample.node)
                hasher.combine(sample.wallMilliseconds)
            }
            if let mark = command.mark {
                hasher.combine(mark.index)
                hasher.combine(mark.digestHigh)
                hasher.combine(mark.digestLow)
            }
        }
        return hasher.finished64()
    }

    private static func combine(_ name: [UInt8], _ quota: Quota, into hasher: inout RowHasher) {
        hasher.combine(name)
        hasher.combine(quota.bytes)
        hasher.combine(quota.objects)
        hasher.combine(quota.buckets)
    }

    private static func combine(_ command: PutObject, into hasher: inout RowHasher) {
        let memory = command.memory.span
        hasher.combine(memory.extracting(command.range(of: .bucket)))
        hasher.combine(memory.extracting(command.range(of: .key)))
        hasher.combine(command.size)
        hasher.combine(memory.extracting(command.range(of: .etag)))
        hasher.combine(UInt64(command.checksumAlgorithm?.rawValue ?? 0))
        if command.checksumAlgorithm != nil {
            hasher.combine(memory.extracting(command.range(of: .checksum)))
        }
        hasher.combine(memory.extracting(command.range(of: .contentType)))
        combine(command.metadata, into: &hasher)
        combine(command.tags, into: &hasher)
        hasher.combine(memory.extracting(command.range(of: .locations)))
        combine(command.precondition, into: &hasher)
        hasher.combine(command.modifiedMilliseconds)
    }

    private static func combine(_ attributes: [Attribute], into hasher: inout RowHasher) {
        hasher.combine(UInt64(attributes.count))
        for attribute in attributes {
            hasher.combine(attribute.name)
            hasher.combine(attribute.value)
        }
    }

    private static func combine(_ command: DeleteObject, into hasher: inout RowHasher) {
        hasher.combine(command.bucket)
        hasher.combine(command.key)
        combine(command.precondition, into: &hasher)
    }

    private static func combine(_ precondition: Precondition?, into hasher: inout RowHasher) {
        switch precondition {
        case nil: hasher.combine(0 as UInt64)
        case .ifAbsent: hasher.combine(1 as UInt64)
        case .ifPresent: hasher.combine(2 as UInt64)
        case .ifMatch(let tags):
            hasher.combine(3 as UInt64)
            hasher.combine(UInt64(tags.count))
            for tag in tags { hasher.combine(tag) }
        }
    }
}
