/// Several changes of objects of one tenant as one: all of them happen, or none.
///
/// They are made in their order, each upon what those before it leave. A quota is held against what
/// all of them come to.
package struct Batch: Hashable, Sendable {
    /// One of the changes.
    package enum Operation: Hashable, Sendable {
        /// Registers an object, or replaces it whole.
        case put(PutObject)
        /// Removes an object.
        case delete(DeleteObject)
    }

    /// 1…1000 of any buckets, a key as often as one likes.
    package var operations: [Operation]

    /// Composes the command.
    package init(_ operations: [Operation]) { self.operations = operations }
}

extension Batch: CommandContent {
    func append(to bytes: inout [UInt8]) {
        let operations = operations.span
        for place in operations.indices {
            bytes.append(messageField: 1) { operations[place].append(to: &$0) }
        }
    }

    /// Reads the schema's message, whose objects stay where they lie.
    init(_ reader: consuming FieldReader, lyingIn memory: [UInt8]) throws(ProtocolError) {
        self.init([])
        let bytes = memory.span
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                try reader.checkCount(
                    operations.count,
                    field,
                    maximum: ProtocolLimits.batchOperations.upperBound
                )
                let inner = try reader.elementMessage("BatchOperation", field, in: bytes)
                do throws(ProtocolError) {
                    operations.append(try Operation(inner, lyingIn: memory))
                } catch {
                    throw error.of(operation: operations.count + 1)
                }
            default: try reader.unknown(field, in: bytes)
            }
        }
    }

    package func validate() throws(ProtocolError) {
        guard ProtocolLimits.batchOperations.contains(operations.count) else {
            throw .outOfBounds(
                .invalidValue,
                "the batch",
                operations.count,
                ProtocolLimits.batchOperations,
                unit: "operations"
            )
        }
        let operations = operations.span
        for place in operations.indices {
            do throws(ProtocolError) {
                switch operations[place] {
                case .put(let put): try put.validate()
                case .delete(let delete): try delete.validate()
                }
            } catch {
                throw error.of(operation: place + 1)
            }
        }
    }
}

extension ProtocolError {
    /// The same of one operation of a batch, counted from 1.
    fileprivate func of(operation place: Int) -> ProtocolError {
        ProtocolError(refusal, "operation \(place): \(detail)")
    }
}

extension Batch.Operation {
    /// Where the object is that it changes.
    package var object: (bucket: [UInt8], key: [UInt8]) {
        switch self {
        case .put(let put): (put.bucket, put.key)
        case .delete(let delete): (delete.bucket, delete.key)
        }
    }

    /// What must hold of the object for the change to be made.
    package var precondition: Precondition? {
        switch self {
        case .put(let put): put.precondition
        case .delete(let delete): delete.precondition
        }
    }

    /// Appends the fields.
    fileprivate func append(to bytes: inout [UInt8]) {
        switch self {
        case .put(let put): bytes.append(messageField: 1) { put.append(to: &$0) }
        case .delete(let delete): bytes.append(messageField: 2) { delete.append(to: &$0) }
        }
    }

    /// Reads the schema's message.
    fileprivate init(
        _ reader: consuming FieldReader,
        lyingIn memory: [UInt8]
    ) throws(ProtocolError) {
        let bytes = memory.span
        var result: Self?
        while let field = try reader.next(in: bytes) {
            guard result == nil else {
                throw .malformed("BatchOperation: more than one operation")
            }
            switch field.number {
            case 1:
                result = .put(
                    try PutObject(reader.message("PutObject", field, in: bytes), lyingIn: memory)
                )
            case 2:
                result = .delete(
                    try DeleteObject(reader.message("DeleteObject", field, in: bytes), in: bytes)
                )
            default: try reader.unknown(field, in: bytes)
            }
        }
        guard let result else {
            throw ProtocolError(.invalidValue, "an operation of the batch says nothing")
        }
        self = result
    }
}
