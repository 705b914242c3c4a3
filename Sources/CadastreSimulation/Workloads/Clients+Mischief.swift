internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// What no good client does: another payload under a used identity, places that no session has, and
/// sessions that are somebody else's.
///
/// None of it may take effect, however late it arrives: so no identity is tried that could be the
/// next one.
extension Clients {
    /// Misuses the identity of what was just answered, to some node; nobody waits for the answer.
    mutating func makeMischief(_ attempt: Attempt, in world: World) {
        guard case .command(let bytes, _) = attempt.content else { return }
        do throws(ProtocolError) {
            let envelope = misused(try CommandEnvelope(decoding: bytes), by: attempt.client)
            var mischief = attempt
            mischief.content = .command(envelope.encode(), envelope.tenant)
            mischief.purpose = .mischief
            mischief.request = 0
            mischief.node = all[attempt.client].node
            send(mischief, in: world)
        } catch {
            world.tell("a client cannot read its own command: \(error)")
        }
    }

    private mutating func misused(_ used: CommandEnvelope, by client: Int) -> CommandEnvelope {
        guard case .slot(let session, let slot, let sequence) = used.identity else { return used }
        var envelope = used
        let stranger = (client + 1 + workloadChance.below(all.count - 1)) % all.count
        switch workloadChance.below(12) {
        case 0..<1:
            let slots = UInt32(all[client].slots.count)
            let beyond = workloadChance.pick([slots, slots + 1, .max])
            envelope.identity = .slot(session: session, slot: beyond, sequence: sequence)
        case 1..<2:
            let far = workloadChance.pick([0, sequence - 1, sequence + 1_000_000, .max])
            envelope.identity = .slot(session: session, slot: slot, sequence: far)
        case 2..<3:
            envelope.identity = .slot(
                session: all[stranger].session,
                slot: slot,
                sequence: sequence + 1
            )
        case 3..<4:
            envelope.identity = .none
            envelope.command = .expireSession(ExpireSession(session: all[stranger].session))
        case 4..<5: envelope.identity = .none
        case 5..<6: envelope.tenant = workloadChance.pick(tenants + [.none])
        default: envelope.command = changed(used.command)
        }
        return envelope
    }

    /// The command with one thing in it that is different.
    private mutating func changed(_ command: Command) -> Command {
        let odd: [UInt8] = Array("odd".utf8)
        switch command {
        case .putObject(let put): return .putObject(changed(put))
        case .deleteObject(var delete):
            switch workloadChance.below(3) {
            case 0: delete.bucket += odd
            case 1: delete.key += odd
            default: delete.precondition = changed(delete.precondition)
            }
            return .deleteObject(delete)
        case .createBucket(let command):
            return .createBucket(CreateBucket(name: command.name + odd))
        case .deleteBucket(let command):
            return .deleteBucket(DeleteBucket(name: command.name + odd))
        case .createTenant(var command):
            command.quota = changed(command.quota)
            return .createTenant(command)
        case .updateTenant(var command):
            command.quota = changed(command.quota)
            return .updateTenant(command)
        case .setTenantStatus(var command):
            command.status = command.status == .active ? .suspended : .active
            return .setTenantStatus(command)
        case .deleteTenant(let command):
            return .deleteTenant(DeleteTenant(name: command.name + odd))
        case .grantService(var command):
            command.service += odd
            return .grantService(command)
        case .revokeService(var command):
            command.tenant += odd
            return .revokeService(command)
        case .batch(var batch):
            let place = workloadChance.below(batch.operations.count)
            switch workloadChance.below(3) {
            case 0: batch.operations.append(batch.operations[place])
            case 1 where batch.operations.count > 1: batch.operations.remove(at: place)
            default:
                switch batch.operations[place] {
                case .put(let put): batch.operations[place] = .put(changed(put))
                case .delete(let delete):
                    batch.operations[place] = .put(
                        PutObject(bucket: delete.bucket, key: delete.key, size: 0)
                    )
                }
            }
            return .batch(batch)
        case .openSession, .expireSession, .tick: return command
        }
    }

    private mutating func changed(_ old: PutObject) -> PutObject {
        var put = old
        switch workloadChance.below(13) {
        case 0: put.bucket += Array("odd".utf8)
        case 1: put.key.append(0x00)
        case 2: put.size ^= 1
        case 3: put.etag.append(0x21)
        case 4: put.contentType.append(0x21)
        case 5:
            put.checksum =
                put.checksum == nil
                ? Checksum(algorithm: .crc32c, value: [0, 0, 0, 0]) : nil
        case 6: (put.metadata, put.tags) = (put.tags, put.metadata)
        case 7:
            put.tags = put.tags.isEmpty ? [Attribute(name: [0x61], value: [])] : []
        case 8: put.locations.append(0x00)
        case 9:
            // Nothing, and the beginning of time, are two things.
            put.modifiedMilliseconds = put.modifiedMilliseconds == nil ? 0 : nil
        default: put.precondition = changed(put.precondition)
        }
        return put
    }

    private mutating func changed(_ condition: Precondition?) -> Precondition? {
        let others: [Precondition?] = [
            nil, .ifAbsent, .ifPresent, .ifMatch([Array("v0".utf8)]),
            .ifMatch([Array("v0".utf8), Array("v1".utf8)]), .ifMatch([Array("v0v1".utf8)]),
        ]
        return workloadChance.pick(others.filter { $0 != condition })
    }

    private mutating func changed(_ old: Quota) -> Quota {
        var quota = old
        switch workloadChance.below(3) {
        case 0: quota.bytes = quota.bytes == nil ? 0 : nil
        case 1: quota.objects = quota.objects == nil ? 0 : nil
        default: quota.buckets = quota.buckets == nil ? 0 : nil
        }
        return quota
    }
}
