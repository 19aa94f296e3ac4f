"""To a PACS and back by associations: C-STORE both ways, C-ECHO."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import Any

from pydicom import dcmread
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from pynetdicom import evt
from pynetdicom.association import Association

from mammoscope.dicom_results.study import study_name
from mammoscope.errors import MammoscopeError, OutputError
from mammoscope.files import read_file
from mammoscope.node.door import Door
from mammoscope.node.link import IMAGES, OTHER_IMAGE, Unreachable, log
from mammoscope.node.options import DimseOptions
from mammoscope.node.outward import Entity
from mammoscope.node.queue import Queue, ResultObject
from mammoscope.reading import identity, refusal

SYNTAXES = [
    *(ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian),
    *(ExplicitVRBigEndian, RLELossless, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless),
    *(JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, JPEG2000),
    *(HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K),
]
"""What images may be encoded in: whatever the reader reads."""

_VERIFICATION = "1.2.840.10008.1.1"

# PS3.4 B.2.3: the object was not stored.
_OUT_OF_RESOURCES, _NO_MAMMOGRAM, _NOT_UNDERSTOOD = 0xA700, 0xA900, 0xC000
_LOOKING = threading.Lock()

# PS3.7 C: it was stored, some of its values perhaps in another form.
_STORED = {0x0000, 0xB000, 0xB006, 0xB007}


class DimseLink:
    """The way by associations; see :class:`~mammoscope.node.link.Link`.

    Raises
    ------
    InputError
        If a file for TLS cannot be used.
    """

    def __init__(self, options: DimseOptions) -> None:
        self._options = options
        tls = options.tls
        self._server_tls = None if tls is None else tls.server()
        self._client_tls = None if tls is None else tls.client()

    @contextmanager
    def receiving(self, queue: Queue) -> Iterator[None]:
        """Listen for associations while inside.

        Raises
        ------
        MammoscopeError
            If the port is taken.
        """
        options, limits = self._options, self._options.limits
        entity = self._entity()
        entity.acse_timeout, entity.network_timeout = limits.first_s, limits.idle_s
        entity.maximum_pdu_size = limits.pdu_bytes
        # The door has counted before the library does.
        entity.maximum_associations = limits.associations + limits.waiting
        entity.add_supported_context(_VERIFICATION)
        for sop_class in IMAGES:
            entity.add_supported_context(sop_class, SYNTAXES)
        address = f"{options.bind}:{options.port}"
        handlers = [(evt.EVT_C_STORE, partial(_store, queue))]
        try:
            door = Door.open(entity, options, self._server_tls, handlers)
        except OSError as error:
            raise MammoscopeError(f"cannot listen on {address}: {error.strerror}") from error
        log.info("%s listens on %s for %s", options.aet, address, ", ".join(options.accept))
        try:
            yield
        finally:
            door.shutdown()

    def send(self, objects: Sequence[ResultObject]) -> Iterator[tuple[ResultObject, str | None]]:
        """Send objects on one association."""
        association = self._associate({found.sop_class for found in objects})
        try:
            for found in objects:
                yield found, _send(association, found)
                if not association.is_established:
                    raise Unreachable("it ended the association")
        finally:
            if association.is_established:
                association.release()

    def _associate(self, sop_classes: set[str]) -> Association:
        pacs, limits = self._options.pacs, self._options.limits
        entity = self._entity()
        entity.acse_timeout, entity.dimse_timeout = limits.pdu_s, limits.idle_s
        for sop_class in sorted(sop_classes):
            entity.add_requested_context(
                sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
            )
            if sop_class == SecondaryCaptureImageStorage:
                entity.add_requested_context(sop_class, [JPEGLosslessSV1])
        tls = None if self._client_tls is None else (self._client_tls, pacs.host)
        association = entity.associate(
            pacs.host, pacs.port, ae_title=pacs.aet, tls_args=tls, max_pdu=limits.pdu_bytes
        )
        if not association.is_established:
            raise Unreachable(
                "it rejects the association" if association.is_rejected else "no answer"
            )
        return association

    def _entity(self) -> Entity:
        entity = Entity(self._options.aet, self._options.limits)
        entity.connection_timeout = 30
        return entity


def _send(association: Association, found: ResultObject) -> str | None:
    """None where the object was stored, or why it was not."""
    accepted = [c for c in association.accepted_contexts if c.abstract_syntax == found.sop_class]
    if not accepted:
        return "it takes no objects of this class"
    try:
        data = dcmread(BytesIO(read_file(found.file)))
        syntax = data.file_meta.TransferSyntaxUID
        if syntax.is_compressed and not any(syntax in c.transfer_syntax for c in accepted):
            data.decompress(generate_instance_uid=False)
        code = association.send_c_store(data).get("Status")
    except (OSError, RuntimeError, ValueError) as error:
        return f"{type(error).__name__} while sending it"
    if code in _STORED:
        return None
    return "no answer" if code is None else f"status {code:04X}"


def _store(queue: Queue, event: evt.Event) -> int:
    """Answer a C-STORE: with success once the image is durably in the queue."""
    stream: Any = getattr(event.request, "DataSet")  # noqa: B009
    try:
        if stream.cause:
            log.error("an image from %s is not taken: %s", _peer(event), stream.cause)
            return _OUT_OF_RESOURCES
        return _keep(queue, event)
    finally:
        stream.release()


def _keep(queue: Queue, event: evt.Event) -> int:
    data = event.encoded_dataset()
    # One at a time: a deflated object may swell to hundreds of megabytes while it is looked at.
    with _LOOKING:
        study, uid = identity(data)
        why_not = refusal(data)
    if not study or uid != event.file_meta.MediaStorageSOPInstanceUID:
        cause = (not study and why_not) or "it does not say which study or image it is"
        log.warning("refused an object from %s: %s", _peer(event), cause)
        return _NOT_UNDERSTOOD
    if why_not:
        log.warning("%s: refused an object from %s: %s", study_name(study), _peer(event), why_not)
        return _NO_MAMMOGRAM
    try:
        is_other = queue.add_image(study, uid, data)
    except OutputError as error:
        log.error("%s: an image cannot be kept (%s)", study_name(study), error.cause)
        return _OUT_OF_RESOURCES
    if is_other:
        log.warning(OTHER_IMAGE, study_name(study))
    log.info("%s: an image came from %s (%d bytes)", study_name(study), _peer(event), len(data))
    return 0x0000


def _peer(event: evt.Event) -> str:
    requestor = event.assoc.requestor
    return f"{requestor.ae_title!r} at {requestor.address}"
