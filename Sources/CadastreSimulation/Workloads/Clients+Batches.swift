internal import CadastreProtocol

/// Changes that are made as one, in half of the worlds: by a chance of its own, so that the other half
/// is what it was.
extension Clients {
    /// A change of an object, or now and then a batch with it somewhere in it.
    ///
    /// Few keys, so that a batch often changes an object twice.
    mutating func batched(_ command: Command, of tenant: Int, _ world: World) -> Command {
        guard hasBatches, batchChance.oneIn(4) else { return command }
        var operations: [Batch.Operation] = []
        for _ in 0..<batchChance.below(5) { operations.append(operation(of: tenant, world)) }
        let place = batchChance.below(operations.count + 1)
        switch command {
        case .putObject(let put): operations.insert(.put(put), at: place)
        case .deleteObject(let delete): operations.insert(.delete(delete), at: place)
        case _: return command
        }
        return .batch(Batch(operations))
    }

    private mutating func operation(of tenant: Int, _ world: World) -> Batch.Operation {
        // One bucket more than there always are.
        let isGuest = batchChance.oneIn(60)
        let bucket = Self.bucketName(
            tenant,
            isGuest ? scenario.buckets : batchChance.below(scenario.buckets)
        )
        let key = scenario.keyName(batchChance.below(scenario.keys))
        let condition: Precondition? =
            switch batchChance.below(24) {
            case 0: .ifAbsent
            case 1: .ifPresent
            case 2: .ifMatch([Array("v0".utf8)])
            default: nil
            }
        guard batchChance.oneIn(3) == false,
            case .putObject(let put) = put(key, in: bucket, of: tenant, condition, world)
        else {
            return .delete(DeleteObject(bucket: bucket, key: key, precondition: condition))
        }
        return .put(put)
    }
}
