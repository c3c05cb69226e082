# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera of motionEye 0.44.0 as its interface hands it out, with the values of a new one."""

from __future__ import annotations

import json
from typing import Any

_CAMERA = r"""
{"name": "gate", "enabled": true, "id": 1, "admin_only": false, "auto_brightness": false, "framerate": 2,
"rotation": 0, "privacy_mask": false, "privacy_mask_lines": [], "smb_shares": false, "storage_device":
"custom-path", "network_server": "", "network_share_name": "", "network_smb_ver": "1.0", "network_username":
"", "network_password": "", "disk_used": 28948680704, "disk_total": 270553174016, "available_disks": [],
"upload_enabled": false, "upload_picture": true, "upload_movie": true, "upload_service": "ftp",
"upload_server": "", "upload_port": "", "upload_method": "POST", "upload_location": "", "upload_subfolders":
true, "upload_username": "", "upload_password": "", "upload_authorization_key": "", "upload_endpoint_url": "",
"upload_access_key": "", "upload_secret_key": "", "upload_bucket": "", "upload_sse_c_key": "",
"clean_cloud_enabled": false, "web_hook_storage_enabled": false, "command_storage_enabled": false,
"text_overlay": true, "left_text": "camera-name", "right_text": "timestamp", "custom_left_text": "",
"custom_right_text": "", "video_streaming": false, "streaming_framerate": 5, "streaming_quality": 85,
"streaming_resolution": 100, "streaming_server_resize": false, "streaming_port": 9081, "streaming_auth_mode":
"disabled", "streaming_username": "", "streaming_password": "", "streaming_motion": 0, "still_images": false,
"capture_mode": "manual", "image_file_name": "%Y-%m-%d/%H-%M-%S", "image_quality": 85, "snapshot_interval": 0,
"preserve_pictures": 0, "manual_snapshots": true, "movies": false, "recording_mode": "motion-triggered",
"movie_file_name": "%Y-%m-%d/%H-%M-%S", "max_movie_length": 0, "preserve_movies": 0, "movie_passthrough":
false, "motion_detection": true, "show_frame_changes": false, "auto_noise_detect": true,
"max_frame_change_threshold": 0, "auto_threshold_tuning": false, "noise_level": 13, "light_switch_detect": 0,
"despeckle_filter": "", "event_gap": 30, "pre_capture": 1, "post_capture": 1, "minimum_motion_frames": 20,
"motion_mask": false, "motion_mask_type": "smart", "smart_mask_sluggishness": 5, "motion_mask_lines": [],
"create_debug_media": false, "email_notifications_enabled": false, "telegram_notifications_enabled": false,
"web_hook_notifications_enabled": false, "web_hook_end_notifications_enabled": false,
"command_notifications_enabled": false, "command_end_notifications_enabled": false, "working_schedule": false,
"working_schedule_type": "during", "monday_from": "", "monday_to": "", "tuesday_from": "", "tuesday_to": "",
"wednesday_from": "", "wednesday_to": "", "thursday_from": "", "thursday_to": "", "friday_from": "",
"friday_to": "", "saturday_from": "", "saturday_to": "", "sunday_from": "", "sunday_to": "", "device_url":
"rtsp://192.0.2.7:554/h264", "proto": "netcam", "frame_change_threshold": 0.6507161458333334,
"root_directory": "/var/lib/motioneye/Camera1", "text_scale": 1, "movie_format": "mp4:h264_omx",
"movie_quality": 75, "email_notifications_picture_time_span": 0, "telegram_notifications_picture_time_span":
0, "extra_options": [], "actions": []}
"""
CAMERA: dict[str, Any] = json.loads(_CAMERA)
